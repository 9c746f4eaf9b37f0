//! The scenes, in the order of the play. Each reads back what it reports.

mod analyst;
mod injection;
mod key_stuffing;
mod model_version;
mod normal;
mod poisoned_data;
mod surge;

use std::future::Future;
use std::pin::Pin;

use crate::play::{Progress, Stage};

/// What a scene came to: `Ok` with what was observed as expected, `Err` with what was observed instead.
type Observed = Result<String, String>;
type Played<'a> = Pin<Box<dyn Future<Output = Observed> + Send + 'a>>;

/// One scene.
pub(crate) struct Scene {
    pub(crate) id: &'static str,
    pub(crate) title: &'static str,
    pub(crate) expected: &'static str,
    play: for<'a> fn(&'a Stage, &'a dyn Progress) -> Played<'a>,
}

impl Scene {
    pub(crate) fn play<'a>(&self, stage: &'a Stage, progress: &'a dyn Progress) -> Played<'a> {
        (self.play)(stage, progress)
    }
}

/// The scene whose traffic the gateway's baselines are learnt from.
pub(crate) const BASELINE: &str = "a";
/// The scene that needs them.
pub(crate) const SURGE: &str = "b";

/// Every scene, in order.
pub(crate) static ALL: &[Scene] = &[
    Scene {
        id: BASELINE,
        title: "normal traffic from several clients",
        expected: "every request answered, in both dialects, streaming and not",
        play: |stage, progress| Box::pin(normal::play(stage, progress)),
    },
    Scene {
        id: SURGE,
        title: "a churn model gets five times its volume from one address range",
        expected: "alert, case, playbook; the range limited with an expiry; other clients unharmed",
        play: |stage, progress| Box::pin(surge::play(stage, progress)),
    },
    Scene {
        id: "c",
        title: "injection prompts, and a secret in a streamed answer",
        expected: "every injection blocked before the model; no byte of the secret in either dialect's stream",
        play: |stage, progress| Box::pin(injection::play(stage, progress)),
    },
    Scene {
        id: "d",
        title: "key stuffing from one address",
        expected: "alert, case, playbook; the address blocked with an expiry; other clients unharmed",
        play: |stage, progress| Box::pin(key_stuffing::play(stage, progress)),
    },
    Scene {
        id: "e",
        title: "DLP reports a poisoned data set for the fraud model",
        expected: "the file preserved by digest first; the case waits for approval; once approved, data set and training held",
        play: |stage, progress| Box::pin(poisoned_data::play(stage, progress)),
    },
    Scene {
        id: "f",
        title: "a model version with a hostile pickle meets the gate",
        expected: "blocked with exit code 20; alert, case, playbook; the version held",
        play: |stage, progress| Box::pin(model_version::play(stage, progress)),
    },
];

/// The address `127.0.net.host`.
pub(crate) const fn loopback(net: u8, host: u8) -> std::net::IpAddr {
    std::net::IpAddr::V4(std::net::Ipv4Addr::new(127, 0, net, host))
}
