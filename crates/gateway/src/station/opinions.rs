//! Second opinions: whoever the tier names is asked about the scores that the classifiers were unsure of. No answer comes
//! to what the tier declares, and is told.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use casemate_classify::Decision;
use casemate_classify::external::{Advice, AskError, HttpReply, HttpRequest, Opinion, Question, Step, TransportError};
use futures_util::future::join_all;
use http::{HeaderValue, Method, Request, header};
use http_body_util::{BodyExt, Full, Limited};

use crate::config::{Action, AdviserBy, Defences, Direction, SecondOpinion};
use crate::core::Core;
use crate::forward::{CallError, Pools};
use crate::inspect::{Check, Doubt, Notice};
use crate::metrics::add;

/// What came of the doubts about one request or answer.
#[derive(Debug, Default)]
pub(crate) struct Settled {
    pub notices: Vec<Notice>,
    pub blocked_by: Option<Check>,
    /// Advisers that gave no opinion, and why.
    pub missing: Vec<(String, String)>,
}

/// Asks about all doubts at once.
pub(crate) async fn settle(
    core: &Core,
    pools: &Pools,
    defences: &Defences,
    direction: Direction,
    doubts: Vec<Doubt>,
) -> Settled {
    let asked = doubts.iter().map(|doubt| resolve(core, pools, defences, direction, doubt));
    let mut settled = Settled::default();
    for (notice, missing) in join_all(asked).await {
        if let Some(notice) = notice {
            if notice.action == Action::Block {
                settled.blocked_by.get_or_insert(notice.check);
            }
            settled.notices.push(notice);
        }
        settled.missing.extend(missing);
    }
    settled
}

type Resolved = (Option<Notice>, Vec<(String, String)>);

/// Asks everybody about one doubt, in order, until it is blocked.
async fn resolve(core: &Core, pools: &Pools, defences: &Defences, direction: Direction, doubt: &Doubt) -> Resolved {
    let (mut decision, mut label, mut checked, mut missing) = (doubt.decision, None, true, Vec::new());
    let concerns =
        |o: &&Arc<SecondOpinion>| o.direction == direction && o.about == doubt.about && o.band.holds(doubt.score);
    for opinion in defences.opinions.iter().filter(concerns) {
        if decision == Decision::Block {
            break;
        }
        let advice = advice(core, pools, opinion, doubt).await;
        let advised = opinion.desk().combine(decision, &advice);
        match &advice {
            Advice::Given(o) if advised.decision > decision || o.flagged => {
                label =
                    Some(format!("{}: {}", opinion.name, o.labels.join(", ")).trim_end_matches([':', ' ']).to_owned());
            }
            Advice::Given(_) => {}
            Advice::NotChecked(why) => {
                label.get_or_insert(format!("{}: not checked", opinion.name));
                missing.push((opinion.name.clone(), why.to_string()));
            }
        }
        checked &= advised.checked;
        decision = advised.decision;
    }
    (doubt.notice(decision, label, checked), missing)
}

async fn advice(core: &Core, pools: &Pools, opinion: &SecondOpinion, doubt: &Doubt) -> Advice {
    let Some(text) = &doubt.text else {
        return Advice::NotChecked(AskError::Reply { what: "too many texts of one request are in doubt".into() });
    };
    let question = Question { text, channel: doubt.channel, score: doubt.score, now: core.clock.now() };
    let step = opinion.desk().consider(&question);
    match step {
        // The band was looked at already.
        Step::Sure => Advice::NotChecked(AskError::Reply { what: "the score is not in doubt".into() }),
        Step::Known(advice) => advice,
        Step::Ask(key) => {
            add(&core.metrics.counters.opinions_asked, 1);
            let answer = ask(core, pools, opinion.adviser, &question).await;
            if answer.is_err() {
                add(&core.metrics.counters.opinions_missing, 1);
            }
            opinion.desk().settle(key, answer, core.clock.now())
        }
    }
}

async fn ask(core: &Core, pools: &Pools, place: usize, question: &Question<'_>) -> Result<Opinion, AskError> {
    let adviser = &core.settings.advisers[place];
    match &adviser.by {
        AdviserBy::Service(service) => {
            let request = service.encode(question)?;
            service.decode(&send(pools, core.settings.adviser_slot(place), request).await?)
        }
        #[cfg(feature = "onnx")]
        AdviserBy::Model(model) => {
            use casemate_classify::external::{Adviser, Transport};

            /// A model in this process sends nothing.
            struct Nowhere;
            impl Transport for Nowhere {
                fn send(&self, _: &HttpRequest) -> Result<HttpReply, TransportError> {
                    Err(TransportError::Connection { what: "a model in this process sends nothing".into() })
                }
            }
            let (model, text) = (model.clone(), question.text.to_owned());
            let (channel, score, now) = (question.channel, question.score, question.now);
            let judged = tokio::task::spawn_blocking(move || {
                model.ask(&Question { text: &text, channel, score, now }, &Nowhere)
            });
            let late = |_| TransportError::Timeout { ms: adviser.timeout.as_millis() as u64 };
            let judged = tokio::time::timeout(adviser.timeout, judged).await.map_err(late)?;
            judged.unwrap_or_else(|_| Err(AskError::Model { what: "it failed on this text".into() }))
        }
    }
}

/// Sends a request through the gateway's own client: no redirect is followed, certificates are checked, and the time counts
/// for all of it.
async fn send(pools: &Pools, slot: usize, request: HttpRequest) -> Result<HttpReply, TransportError> {
    let broken = |what: String| TransportError::Connection { what };
    let mut out = Request::new(Full::new(Bytes::from(request.body)));
    *out.method_mut() = Method::POST;
    *out.uri_mut() = request.url.parse().map_err(|_| broken("its address cannot be read".into()))?;
    out.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    for (name, value) in &request.headers {
        let mut value = HeaderValue::from_str(value.expose()).map_err(|_| broken("its key fits no header".into()))?;
        value.set_sensitive(true);
        out.headers_mut().insert(*name, value);
    }
    let time = Duration::from_millis(request.timeout_ms);
    let exchange = async {
        let response = pools.call(slot, out, time).await.map_err(|error| match error {
            CallError::Late(_) => TransportError::Timeout { ms: request.timeout_ms },
            other => TransportError::Connection { what: other.to_string() },
        })?;
        let status = response.status().as_u16();
        let body = Limited::new(response.into_body(), request.reply_bytes_max).collect().await;
        match body {
            Ok(body) => Ok(HttpReply { status, body: body.to_bytes().to_vec() }),
            Err(error) if error.is::<http_body_util::LengthLimitError>() => {
                Err(TransportError::TooLarge { max: request.reply_bytes_max })
            }
            Err(error) => Err(TransportError::Connection { what: error.to_string() }),
        }
    };
    let late = TransportError::Timeout { ms: request.timeout_ms };
    tokio::time::timeout(time, exchange).await.unwrap_or(Err(late))
}
