use crate::control::testing::converse;

/// What a client sends, and the status codes of all answers.
const CONVERSATIONS: [(&str, &[&str]); 16] = [
    ("", &[]),
    ("GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n", &["200"]),
    ("GET /healthz HTTP/1.0\r\n\r\n", &["200"]),
    ("HEAD /healthz HTTP/1.1\r\n\r\n", &["200"]),
    ("GET /healthz HTTP/1.1\r\n\r\nGET /nothing HTTP/1.1\r\n\r\n", &["200", "404"]),
    ("PUT /healthz HTTP/1.1\r\ncontent-length: 2\r\n\r\nxxGET /healthz HTTP/1.1\r\n\r\n", &["405"]),
    ("GET /healthz HTTP/1.1\r\n\r\n\0garbage\r\n\r\n", &["200", "400"]),
    ("GET", &[]),
    ("\r\n\r\n\r\n", &[]),
    ("GET /healthz HTTP/9.9\r\n\r\n", &["400"]),
    ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", &[]),
    ("GET /healthz HTTP/1.1\r\nhost", &[]),
    ("GET /healthz HTTP/1.1\r\ncontent-length: 0\r\n\r\n", &["200"]),
    // A body that the server does not read, and behind it something that is no request.
    (
        "GET /v1/status HTTP/1.1\r\ntransfer-encoding: chunked\r\nexpect: 050-continue\r\n\r\n1\r\na\r\n0\r\n\r\nv1/status HTTP/1.1\r\ntransfer-encoding: chunked\r\nexpect: 050-continue\r\n\r\n1\r\na\r\n0\r\n\r\n",
        &["400"],
    ),
    ("GET /v1/events HTTP/1.1\r\n\r\n", &["200"]),
    // With a byte left to read, the end of the connection shows at the next write.
    ("GET /v1/events HTTP/1.1\r\n\r\n\n", &["200"]),
];

#[test]
fn every_request_is_answered_and_every_disconnect_noticed() {
    for (request, expected) in CONVERSATIONS {
        let answers = converse(request);
        let codes: Vec<_> = answers.split("HTTP/1.").skip(1).filter_map(|answer| answer.get(2..5)).collect();
        assert_eq!(codes, expected, "{request:?}: {answers}");
    }
}
