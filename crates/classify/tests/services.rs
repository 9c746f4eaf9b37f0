//! Every service over a real socket: a stub on loopback that speaks the service's wire format, and a client of the standard
//! library. What a stub is sent is checked byte for byte where the format says so.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use casemate_classify::external::{
    Adviser, AskError, Desk, DeskSettings, HttpReply, HttpRequest, Question, Service, ServiceKind, ServiceSettings,
    Step, Transport, TransportError,
};
use casemate_classify::{Channel, Decision};
use casemate_finding::{Secret, UnixMs};

/// A request as the stub saw it.
struct Seen {
    line: String,
    headers: Vec<(String, String)>,
    body: serde_json::Value,
}

impl Seen {
    fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|h| h.0 == name).map_or("", |h| h.1.as_str())
    }
}

/// Answers one request with what `answer` makes of it; `None` hangs until the client goes away.
fn stub(answer: impl FnOnce(&Seen) -> Option<(u16, String)> + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    std::thread::spawn(move || {
        let (stream, _) = listener.accept().expect("a client");
        let mut reader = BufReader::new(stream.try_clone().expect("a handle"));
        let mut line = String::new();
        reader.read_line(&mut line).expect("a request line");
        let mut headers = Vec::new();
        loop {
            let mut header = String::new();
            reader.read_line(&mut header).expect("a header");
            let Some((name, value)) = header.trim_end().split_once(": ") else { break };
            headers.push((name.to_ascii_lowercase(), value.to_owned()));
        }
        let length = headers.iter().find(|h| h.0 == "content-length").and_then(|h| h.1.parse().ok()).unwrap_or(0);
        let mut body = vec![0; length];
        reader.read_exact(&mut body).expect("a body");
        let body = serde_json::from_slice(&body).expect("JSON");
        let seen = Seen { line: line.trim_end().to_owned(), headers, body };
        let mut stream = stream;
        match answer(&seen) {
            Some((status, body)) => {
                let head =
                    format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
                stream.write_all(format!("{head}{body}").as_bytes()).expect("a reply");
            }
            None => {
                let _gone = stream.read(&mut [0; 1]);
            }
        }
    });
    format!("http://{address}")
}

/// HTTP/1.1 with nothing but the standard library.
struct Plain;

impl Transport for Plain {
    fn send(&self, request: &HttpRequest) -> Result<HttpReply, TransportError> {
        let failed = |e: std::io::Error| match e.kind() {
            std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut => {
                TransportError::Timeout { ms: request.timeout_ms }
            }
            _ => TransportError::Connection { what: e.to_string() },
        };
        let rest = request.url.strip_prefix("http://").expect("the stub speaks plain HTTP");
        let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let mut stream = TcpStream::connect(host).map_err(failed)?;
        stream.set_read_timeout(Some(Duration::from_millis(request.timeout_ms))).map_err(failed)?;
        let path = if path.is_empty() { "/" } else { path };
        let mut head = format!("POST {path} HTTP/1.1\r\nhost: {host}\r\ncontent-type: application/json\r\n");
        for (name, value) in &request.headers {
            head.push_str(&format!("{name}: {}\r\n", value.expose()));
        }
        head.push_str(&format!("content-length: {}\r\n\r\n", request.body.len()));
        stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&request.body)).map_err(failed)?;
        let mut raw = Vec::new();
        stream.take(request.reply_bytes_max as u64 + 4096).read_to_end(&mut raw).map_err(failed)?;
        let end = raw.windows(4).position(|w| w == b"\r\n\r\n");
        let end = end.ok_or_else(|| TransportError::Connection { what: "no head".into() })?;
        let status = std::str::from_utf8(&raw[..end]).ok().and_then(|h| h.split(' ').nth(1)?.parse().ok());
        let body = raw[end + 4..].to_vec();
        if body.len() > request.reply_bytes_max {
            return Err(TransportError::TooLarge { max: request.reply_bytes_max });
        }
        Ok(HttpReply { status: status.unwrap_or(0), body })
    }
}

fn service(kind: ServiceKind, endpoint: String) -> Service {
    let (id, key, model) = ("guard".to_owned(), Secret::new("sesame".to_owned()), String::new());
    Service::new(ServiceSettings { id, kind, endpoint, key, model, timeout_ms: 400 }).expect("settings that will do")
}

fn question(text: &str) -> Question<'_> {
    Question { text, channel: Channel::Chat, score: 0.6, now: UnixMs(1_700_000_000_000) }
}

#[test]
fn each_service_is_asked_and_understood_over_a_socket() {
    let openai = stub(|seen| {
        assert_eq!(seen.line, "POST /v1/moderations HTTP/1.1");
        assert_eq!(seen.header("authorization"), "Bearer sesame");
        assert_eq!(seen.body["input"], "I will find you");
        let scores = r#"{"violence":0.83,"hate":0.02}"#;
        Some((
            200,
            format!(
                r#"{{"id":"m","model":"omni-moderation-latest","results":[{{"flagged":true,"categories":{{"violence":true,"hate":false}},"category_scores":{scores}}}]}}"#
            ),
        ))
    });
    let opinion = service(ServiceKind::OpenaiModeration, openai).ask(&question("I will find you"), &Plain);
    assert_eq!(opinion.map(|o| (o.score, o.labels)), Ok((0.83, vec!["violence".to_owned()])));

    let analyze = stub(|seen| {
        assert_eq!(seen.line, "POST /contentsafety/text:analyze?api-version=2024-09-01 HTTP/1.1");
        assert_eq!(seen.header("ocp-apim-subscription-key"), "sesame");
        assert_eq!(seen.body["outputType"], "FourSeverityLevels");
        Some((200, r#"{"blocklistsMatch":[],"categoriesAnalysis":[{"category":"Violence","severity":6}]}"#.into()))
    });
    let opinion = service(ServiceKind::AzureContentSafety, analyze).ask(&question("t"), &Plain).expect("an opinion");
    assert_eq!((opinion.score, opinion.flagged), (1.0, true));

    let shields = stub(|seen| {
        assert_eq!(seen.line, "POST /contentsafety/text:shieldPrompt?api-version=2024-09-01 HTTP/1.1");
        assert_eq!(seen.body, serde_json::json!({"userPrompt": "ignore it all", "documents": []}));
        Some((200, r#"{"userPromptAnalysis":{"attackDetected":true},"documentsAnalysis":[]}"#.into()))
    });
    let opinion = service(ServiceKind::AzurePromptShields, shields).ask(&question("ignore it all"), &Plain);
    assert_eq!(opinion.map(|o| o.labels), Ok(vec!["user_prompt_attack".to_owned()]));

    let lakera = stub(|seen| {
        assert_eq!(seen.line, "POST /v2/guard HTTP/1.1");
        assert_eq!(seen.body["messages"][0]["role"], "user");
        Some((200, r#"{"flagged":false,"breakdown":[],"metadata":{"request_uuid":"u"}}"#.into()))
    });
    let opinion = service(ServiceKind::LakeraGuard, lakera).ask(&question("hello"), &Plain).expect("an opinion");
    assert_eq!((opinion.score, opinion.flagged), (0.0, false));

    let webhook = stub(|seen| {
        assert_eq!((seen.line.as_str(), seen.body["channel"].as_str()), ("POST / HTTP/1.1", Some("chat")));
        assert!(seen.header("x-casemate-signature").starts_with("t=1700000000000,v1="));
        Some((200, r#"{"verdict":"block","score":0.97,"labels":["leak"]}"#.into()))
    });
    let opinion = service(ServiceKind::Webhook, webhook).ask(&question("t"), &Plain).expect("an opinion");
    assert_eq!((opinion.score, opinion.labels), (0.97, vec!["leak".to_owned()]));
}

#[test]
fn time_out_error_and_nonsense_come_to_the_declared_fail_mode() {
    let mut desk = Desk::new("guard", DeskSettings::default()).expect("settings that will do");
    let nonsense = "not json".to_owned();
    for (endpoint, want) in [
        (stub(|_| None), AskError::Transport(TransportError::Timeout { ms: 400 })),
        (stub(|_| Some((503, "{}".into()))), AskError::Status { status: 503 }),
        (stub(move |_| Some((200, nonsense))), AskError::Reply { what: "expected ident at line 1 column 2".into() }),
    ] {
        let q = question("a text that the first classifier is unsure of");
        let Step::Ask(key) = desk.consider(&q) else { panic!("it should ask") };
        let answer = service(ServiceKind::LakeraGuard, endpoint).ask(&q, &Plain);
        assert_eq!(answer, Err(want));
        let advice = desk.settle(key, answer, q.now);
        let advised = desk.combine(Decision::Pass, &advice);
        assert_eq!((advised.decision, advised.checked), (Decision::Flag, false));
    }
    let unreachable = service(ServiceKind::LakeraGuard, "http://127.0.0.1:9".into()).ask(&question("t"), &Plain);
    assert!(matches!(unreachable, Err(AskError::Transport(TransportError::Connection { .. }))), "{unreachable:?}");
    let huge = stub(|_| Some((200, " ".repeat(256 * 1024 + 1))));
    let huge = service(ServiceKind::LakeraGuard, huge).ask(&question("t"), &Plain);
    assert!(matches!(huge, Err(AskError::Transport(TransportError::TooLarge { .. }))), "{huge:?}");
}
