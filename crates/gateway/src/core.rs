//! What all threads share.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use casemate_store::clock::Clock;

use crate::abuse::Watch;
use crate::config::Settings;
use crate::containment::Containments;
use crate::conversation::Conversations;
use crate::feedback::Feedback;
use crate::forward::Breaker;
use crate::inspect::Engines;
use crate::key::KeyTable;
use crate::limit::LimitTable;
use crate::metrics::Metrics;
use crate::shared::Shared;
use crate::station::ApprovalDesk;

/// What all threads share.
pub(crate) struct Core {
    pub settings: Settings,
    pub engines: Engines,
    pub keys: Shared<KeyTable>,
    pub containments: Shared<Containments>,
    pub feedback: Shared<Feedback>,
    pub limits: Arc<LimitTable>,
    pub watch: Watch,
    pub metrics: Metrics,
    pub conversations: Conversations,
    pub approvals: ApprovalDesk,
    /// One for each upstream, then one for each end-point.
    pub breakers: Vec<Breaker>,
    pub clock: Clock,
    /// Makes request ids of different processes differ.
    instance: u64,
    next_request: AtomicU64,
}

impl Core {
    pub fn new(
        settings: Settings,
        (keys, containments, feedback): (KeyTable, Containments, Feedback),
        watch: Watch,
        approvals: ApprovalDesk,
        clock: Clock,
    ) -> Self {
        let breakers = (0..settings.upstreams.len() + settings.endpoints.len()).map(|_| Breaker::default()).collect();
        let engines = Engines::remembering(settings.canaries.clone(), settings.known_texts_max)
            .with_classifier(settings.classifier.clone());
        engines.load(settings.tiers.values().map(AsRef::as_ref));
        Self {
            conversations: Conversations::new(settings.conversations.clone()),
            engines,
            settings,
            keys: Shared::new(keys),
            containments: Shared::new(containments),
            feedback: Shared::new(feedback),
            limits: Arc::default(),
            watch,
            approvals,
            metrics: Metrics::default(),
            breakers,
            clock,
            instance: RandomState::new().hash_one("request ids"),
            next_request: AtomicU64::new(0),
        }
    }

    pub fn next_request_id(&self) -> String {
        let n = self.next_request.fetch_add(1, Ordering::Relaxed);
        format!("req_{:016x}{n:08x}", self.instance)
    }
}
