//! One module for each source of alerts, and the list of them. A mapping reads hostile JSON: it answers with alerts or with
//! the field that is wrong, and never panics.

mod alertmanager;
mod azure_defender;
mod cloudtrail;
mod evidently;
mod falco;
mod garak;
mod gcp_scc;
mod guardduty;
mod mlflow;
mod mlscan;
mod ocsf;
mod plain;
mod sagemaker;
mod security_hub;
mod signal;
mod splunk;

use serde_json::Value;

use crate::alert::{NormalAlert, content_hash};
use crate::fields::MapError;

/// Alerts in one delivery at most; a longer one is refused as a whole, so that nothing is dropped in silence.
const ALERTS_MAX: usize = 1_000;

/// A source of alerts.
pub struct Source {
    /// Its name in configuration and in alerts.
    pub name: &'static str,
    /// What it is.
    pub title: &'static str,
    /// Members that differ between two deliveries of the same alert: see [`crate::content_hash`].
    pub volatile: &'static [&'static str],
    /// Reads one delivery; an empty list if it holds nothing that is an alert.
    map: fn(&Value) -> Result<Vec<NormalAlert>, MapError>,
}

/// Every source, in the order of the documentation.
pub static SOURCES: &[&Source] = &[
    &signal::GATEWAY,
    &signal::GATE,
    &plain::SOURCE,
    &alertmanager::SOURCE,
    &guardduty::SOURCE,
    &security_hub::SOURCE,
    &cloudtrail::SOURCE,
    &azure_defender::SOURCE,
    &gcp_scc::SOURCE,
    &mlflow::SOURCE,
    &sagemaker::SOURCE,
    &evidently::SOURCE,
    &garak::SOURCE,
    &mlscan::MODELSCAN,
    &mlscan::PICKLESCAN,
    &mlscan::FICKLING,
    &splunk::SOURCE,
    &falco::SOURCE,
    &ocsf::SOURCE,
];

/// The source with this name.
pub fn source(name: &str) -> Option<&'static Source> {
    SOURCES.iter().copied().find(|s| s.name == name)
}

/// Maps one delivery of a source to its alerts, with content hash and fingerprint. Several come of one delivery where the
/// source groups them; none where it says nothing that is an alert.
///
/// # Errors
/// The field that is wrong, and why. `source` itself if there is no such source.
pub fn map_all(name: &str, raw: &Value) -> Result<Vec<NormalAlert>, MapError> {
    map_as(name, name, raw)
}

/// As [`map_all`], for a source that configuration calls `name` and that speaks the form of `form`.
///
/// # Errors
/// As [`map_all`].
pub fn map_as(form: &str, name: &str, raw: &Value) -> Result<Vec<NormalAlert>, MapError> {
    let source = source(form).ok_or_else(|| MapError::new("source", format!("`{form}` is no known source")))?;
    let mut alerts = (source.map)(raw)?;
    for alert in &mut alerts {
        name.clone_into(&mut alert.source);
    }
    if alerts.len() > ALERTS_MAX {
        let why = format!("holds {} alerts; the limit is {ALERTS_MAX}", alerts.len());
        return Err(MapError::new("(delivery)", why));
    }
    let hash = content_hash(raw, source.volatile);
    Ok(finish(alerts, &hash))
}

/// Maps a delivery that is one alert: the first of [`map_all`].
///
/// # Errors
/// As [`map_all`], and if the delivery holds no alert.
pub fn map(name: &str, raw: &Value) -> Result<NormalAlert, MapError> {
    map_all(name, raw)?.into_iter().next().ok_or_else(|| MapError::new("(delivery)", "holds no alert"))
}

/// Gives alerts of one delivery their hashes.
pub(crate) fn finish(mut alerts: Vec<NormalAlert>, hash: &str) -> Vec<NormalAlert> {
    let many = alerts.len() > 1;
    for (i, alert) in alerts.iter_mut().enumerate() {
        alert.content_hash = if many { format!("{hash}#{i}") } else { hash.to_owned() };
        alert.fingerprint = alert.fingerprint_of();
    }
    alerts
}
