use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, duplex},
    runtime,
};

use super::{
    super::query::{self, Overview, Query},
    *,
};

/// What a client says, and the codes of the answers that it gets before the connection ends.
const CONVERSATIONS: [(&str, &[&str]); 12] = [
    ("", &[]),
    ("GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n", &["200"]),
    ("GET /healthz HTTP/1.0\r\n\r\n", &["200"]),
    ("HEAD /healthz HTTP/1.1\r\n\r\n", &["200"]),
    ("GET /healthz HTTP/1.1\r\n\r\nGET /nothing HTTP/1.1\r\n\r\n", &["200", "404"]),
    ("PUT /healthz HTTP/1.1\r\ncontent-length: 2\r\n\r\nxxGET /healthz HTTP/1.1\r\n\r\n", &["405", "200"]),
    ("GET /healthz HTTP/1.1\r\n\r\n\0garbage\r\n\r\n", &["200", "400"]),
    ("GET", &[]),
    ("\r\n\r\n\r\n", &[]),
    ("GET /healthz HTTP/9.9\r\n\r\n", &["400"]),
    ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", &[]),
    ("GET /healthz HTTP/1.1\r\nhost", &[]),
];

#[test]
fn whatever_a_client_says_the_connection_ends_with_it() {
    for (said, expected) in CONVERSATIONS {
        let answers = converse(said);
        let codes: Vec<_> = answers.split("HTTP/1.").skip(1).filter_map(|answer| answer.get(2..5)).collect();
        assert_eq!(codes, expected, "{said:?}: {answers}");
    }
}

/// All that a connection answers to `said`.
fn converse(said: &'static str) -> String {
    let runtime = runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(async {
        let (asker, mut queries) = query::channel();
        tokio::spawn(async move {
            while let Some(query) = queries.recv().await {
                if let Query::Overview(reply) = query {
                    _ = reply.send(Overview::default());
                }
            }
        });
        let (_ending, ends) = watch::channel(false);
        let (ours, theirs) = duplex(64);
        tokio::spawn(async move {
            serve(theirs, &Service::new(facts(), asker, Events::default(), ends), Scope::Everything).await;
        });
        // It may have heard enough before.
        let (mut reader, mut writer) = tokio::io::split(ours);
        let write = tokio::spawn(async move {
            _ = writer.write_all(said.as_bytes()).await;
            writer
        });
        let mut answers = Vec::new();
        let mut quiet = 0;
        // All is in memory and on one thread: when so many turns bring nothing, nothing comes any more. Whoever stops to
        // write is taken to have gone, so that comes last.
        while quiet < 50 {
            tokio::select! {
                biased;
                read = reader.read_buf(&mut answers) => match read.unwrap() {
                    0 => break,
                    _ => quiet = 0,
                },
                () = tokio::task::yield_now() => quiet += 1,
            }
        }
        _ = write.await.unwrap().shutdown().await;
        _ = reader.read_to_end(&mut answers).await;
        String::from_utf8(answers).unwrap()
    })
}

fn facts() -> Facts {
    let second = Duration::from_secs(1);
    Facts {
        started: Instant::from_boot(Duration::ZERO),
        pattern: Regex::new("^vm").unwrap(),
        parameters: Parameters {
            min_interval: 20 * second,
            max_interval: 60 * second,
            router_lifetime: 180 * second,
            valid_lifetime: 86_400 * second,
            preferred_lifetime: 14_400 * second,
        },
        send: "packet".to_owned(),
        filter: model::Filter { mode: "ebpf".into(), program_id: None },
        metrics_per_interface: false,
    }
}
