//! A real Prometheus that scrapes the real daemon: alert rules, the dashboard's queries and the handbook's
//! page on metrics against the scraped metrics.

use std::{
    collections::BTreeSet,
    fs,
    io::{Read, Write},
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use autora_tests::{Namespace, Solicit, Veth, eventually};
use serde_json::Value;
use tempfile::TempDir;

use crate::{
    bench::{Line, SOON, rarely},
    routers,
};

/// The addresses of daemon and Prometheus, in a namespace of their own.
const DAEMON: &str = "127.0.0.1:9841";
const PROMETHEUS: &str = "127.0.0.1:9090";

/// Variables of the dashboard, with values as Grafana substitutes them.
const VARIABLES: [(&str, &str); 3] = [("$job", "autora"), ("$instance", ".*"), ("$__rate_interval", "10s")];

#[test]
fn prometheus_understands_metrics_alerts_and_dashboard() {
    let (host, guest) = (Namespace::host(), Namespace::quiet());
    let mut lines = Line::several(&host, &guest, 2);
    // An interface that is not served, so that a reason is counted.
    let _not_served = Veth::new((&host, "vm3"), (&guest, "g3"));
    let listen = ["--metrics-listen", DAEMON, "--metrics-per-interface"];
    let _daemon = autora_tests::Daemon::start(&host, &rarely(&listen));
    for line in &mut lines {
        line.expect_served(SOON);
    }
    let send_invalid =
        || lines[0].sender.send(&Solicit { hop_limit: 64, ..Solicit::from(&lines[0].link.guest) }.frame());
    // Each kind of series needs a sample.
    send_invalid();

    let prometheus = Prometheus::start(&host);
    prometheus.wait_for("autora_interfaces{state=\"serving\"} == 2");
    // The bounds that the alerts name, as Prometheus stores them.
    prometheus.wait_for("autora_first_ra_delay_seconds_bucket{le=\"5.0\"} == 2");
    prometheus.wait_for("autora_rs_answer_lateness_seconds_bucket{le=\"0.1\"} == 0");
    prometheus.wait_for("autora_interface_rs_dropped_total > 0");
    // A rate needs two samples that differ.
    send_invalid();
    prometheus.wait_for("rate(autora_rs_dropped_total[10s]) > 0");
    let targets = prometheus.ask("targets", &[]);
    let target = &targets["activeTargets"][0];
    assert_eq!((&target["health"], &target["lastError"]), (&"up".into(), &"".into()), "{targets:#}");

    let names = prometheus.names();
    every_metric_is_documented(&names);
    every_query_of_the_dashboard_works(&prometheus, &names);
    every_rule_is_evaluated(&prometheus, &names);
    assert_eq!(prometheus.firing(), [""; 0]);
    // The control: an alert does fire.
    lines[0].sender.send(&routers::advertisement(&lines[0]).frame());
    eventually(SOON, "an alert", || (prometheus.firing() == ["AutoraOtherRouter"]).then_some(()));
}

/// Checks that the handbook's page on metrics has exactly the metrics of a scrape, and every alert.
fn every_metric_is_documented(names: &BTreeSet<String>) {
    let (alerts, metrics): (BTreeSet<_>, BTreeSet<_>) =
        documented().into_iter().partition(|name| name.starts_with("Autora"));
    assert_eq!(&metrics, names);
    let rules = fs::read_to_string(rules()).expect("the rules are there");
    let rules = rules.lines().filter_map(|line| line.trim().strip_prefix("- alert: "));
    assert_eq!(alerts, rules.map(str::to_owned).collect());
}

/// Returns the names in the first column of that page's tables.
fn documented() -> Vec<String> {
    let page = root().join("contrib/docs/src/reference/metrics.md");
    let page = fs::read_to_string(page).expect("the page is there");
    let rows = page.lines().filter_map(|line| line.strip_prefix("| `")?.split(['`', '{']).next());
    rows.map(str::to_owned).collect()
}

fn every_query_of_the_dashboard_works(prometheus: &Prometheus, names: &BTreeSet<String>) {
    let text = fs::read_to_string(root().join("contrib/grafana/autora.json")).expect("the dashboard is there");
    let dashboard: Value = serde_json::from_str(&text).expect("a dashboard is JSON");
    let panels = dashboard["panels"].as_array().expect("it has panels");
    let targets = panels.iter().filter_map(|panel| panel["targets"].as_array()).flatten();
    let queries: Vec<_> = targets.map(|target| target["expr"].as_str().expect("a target has a query")).collect();
    assert!(queries.len() > 20, "{queries:?}");
    for query in queries {
        assert_known(query, names);
        let query = VARIABLES.iter().fold(query.to_owned(), |query, (name, value)| query.replace(name, value));
        assert!(!query.contains('$'), "{query}");
        let result = prometheus.query(&query);
        assert!(!result.is_empty(), "no result of {query}");
    }
}

fn every_rule_is_evaluated(prometheus: &Prometheus, names: &BTreeSet<String>) {
    let rules = eventually(SOON, "the rules' evaluation", || {
        let groups = prometheus.ask("rules", &[]);
        let rules = groups["groups"][0]["rules"].as_array().expect("there are rules").clone();
        rules.iter().all(|rule| rule["health"] != "unknown").then_some(rules)
    });
    assert!(rules.len() >= 7, "{rules:#?}");
    for rule in rules {
        assert_eq!(rule["health"], "ok", "{rule:#}");
        assert_known(rule["query"].as_str().expect("a rule has a query"), names);
    }
}

/// Checks that every metric of a query exists.
fn assert_known(query: &str, names: &BTreeSet<String>) {
    let words = query.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    for word in words.filter(|word| word.starts_with("autora_") || word.starts_with("process_")) {
        assert!(names.contains(word), "there is no {word}: {query}");
    }
}

/// A Prometheus that scrapes once a second and evaluates the project's rules as often; killed when dropped.
struct Prometheus {
    process: Child,
    host: Namespace,
    _folder: TempDir,
}

impl Prometheus {
    fn start(host: &Namespace) -> Self {
        let folder = TempDir::with_prefix("autora-test-").expect("a temporary directory can be made");
        let configuration = format!(
            "global: {{scrape_interval: 1s, evaluation_interval: 1s}}\n\
             rule_files: ['{}']\n\
             scrape_configs: [{{job_name: autora, static_configs: [{{targets: ['{DAEMON}']}}]}}]\n",
            rules().display()
        );
        let file = folder.path().join("prometheus.yml");
        fs::write(&file, configuration).expect("room for a short file");
        let mut command = Command::new(autora_tests::prometheus("prometheus"));
        command
            .arg(format!("--config.file={}", file.display()))
            .arg(format!("--storage.tsdb.path={}", folder.path().join("data").display()))
            .args([&format!("--web.listen-address={PROMETHEUS}"), "--log.level=warn"])
            .stdin(Stdio::null());
        let process = host.enter(|| command.spawn()).expect("it is there and can be started");
        Self { process, host: host.clone(), _folder: folder }
    }

    /// Waits until a query has a result.
    fn wait_for(&self, query: &str) {
        eventually(Duration::from_secs(30), query, || {
            let parameters = [("query", query)];
            self.try_ask("query", &parameters)?["result"].as_array().is_some_and(|all| !all.is_empty()).then_some(())
        });
    }

    fn query(&self, query: &str) -> Vec<Value> {
        self.ask("query", &[("query", query)])["result"].as_array().expect("a query has results").clone()
    }

    /// Returns the names of the daemon's metrics.
    fn names(&self) -> BTreeSet<String> {
        let names = self.ask("label/__name__/values", &[]);
        let names = names.as_array().expect("a list of names").iter().filter_map(Value::as_str);
        let own = names.filter(|name| name.starts_with("autora_") || name.starts_with("process_"));
        own.map(str::to_owned).collect()
    }

    fn firing(&self) -> Vec<String> {
        let alerts = self.ask("alerts", &[]);
        let alerts = alerts["alerts"].as_array().expect("a list of alerts").iter();
        let firing = alerts.filter(|alert| alert["state"] == "firing");
        firing.filter_map(|alert| alert["labels"]["alertname"].as_str()).map(str::to_owned).collect()
    }

    fn ask(&self, path: &str, parameters: &[(&str, &str)]) -> Value {
        self.try_ask(path, parameters).unwrap_or_else(|| panic!("no answer to {path} {parameters:?}"))
    }

    /// Returns the data of an answer, `None` while Prometheus does not listen. Panics if the answer is an
    /// error.
    fn try_ask(&self, path: &str, parameters: &[(&str, &str)]) -> Option<Value> {
        let query: Vec<_> = parameters.iter().map(|(name, value)| format!("{name}={}", encoded(value))).collect();
        let request = format!("GET /api/v1/{path}?{} HTTP/1.0\r\n\r\n", query.join("&"));
        let answer = self.host.enter(|| {
            let mut stream = TcpStream::connect(PROMETHEUS).ok()?;
            stream.write_all(request.as_bytes()).ok()?;
            let mut answer = String::new();
            stream.read_to_string(&mut answer).ok()?;
            Some(answer)
        })?;
        let (head, body) = answer.split_once("\r\n\r\n")?;
        if head.contains(" 503 ") {
            return None;
        }
        let body: Value = serde_json::from_str(body).unwrap_or_else(|error| panic!("{error}: {answer}"));
        assert_eq!(body["status"], "success", "{path} {parameters:?}: {body:#}");
        Some(body["data"].clone())
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

/// Encodes text for the query of a URL.
fn encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |encoded, byte| format!("{encoded}%{byte:02X}"))
}

fn rules() -> PathBuf {
    root().join("contrib/prometheus/autora.rules.yml")
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("it lies in the workspace").to_owned()
}
