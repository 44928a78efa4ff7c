//! Rates that Service Quotas lists for an account.
//!
//! So that a rate holds which AWS raised or lowered there. It lists none of what is asked of Amazon ECS, Amazon EKS and AWS CloudFormation, and of Amazon ECR
//! only those of pushing and pulling.
//!
//! Sources: "Service Quotas API Reference", `ListServiceQuotas`; "Amazon ECR endpoints and quotas"
//! and "AWS Lambda endpoints and quotas", AWS General Reference.

use serde::Deserialize;
use serde_json::json;

use super::{ApiError, Bucket, Clients, Endpoint, JsonRequest, Operation, json_request::parsed};
use crate::{
    cache::{Finding, FindingCache, FindingKind, FoundRate},
    image::Time,
};

const ENDPOINT: Endpoint<'static> = Endpoint {
    id: "Service Quotas",
    prefix: "servicequotas",
    signing: "servicequotas",
};
const LIST: Operation = Operation::ListServiceQuotas;
/// More than what Service Quotas lists of any of these services.
const PAGE: u8 = 100;

/// Codes of services, beginnings of names of quotas, and an operation that draws from each.
static LISTED: [(&str, &str, Operation); 3] = [
    (
        "ecr",
        "Rate of BatchGetImage requests",
        Operation::BatchGetImage,
    ),
    (
        "lambda",
        "Rate of control plane API requests",
        Operation::ListFunctions,
    ),
    (
        "lambda",
        "Rate of GetFunction API requests",
        Operation::GetFunction,
    ),
];
const SERVICES: [&str; 2] = ["ecr", "lambda"];

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Quotas {
    quotas: Option<Vec<Quota>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Quota {
    #[serde(rename = "QuotaName")]
    name: Option<String>,
    value: Option<f64>,
    period: Option<Period>,
}

#[derive(Deserialize)]
struct Period {
    #[serde(rename = "PeriodValue")]
    value: Option<f64>,
    #[serde(rename = "PeriodUnit")]
    unit: Option<String>,
}

impl Quota {
    /// Returns the calls a second that it allows; `None` if it is not so many in some seconds.
    fn rate(&self) -> Option<f64> {
        let seconds = match &self.period {
            None => 1.0,
            Some(period) if period.unit.as_deref() == Some("SECOND") => period.value.unwrap_or(1.0),
            Some(_) => return None,
        };
        let rate = self.value? / seconds;
        (rate > 0.0 && rate.is_finite()).then_some(rate)
    }
}

impl Clients {
    /// Asks Service Quotas for rates, once a week for each service whatever it answers, and
    /// remembers them.
    pub(crate) async fn read_quotas(&self, findings: &FindingCache) {
        for service in SERVICES {
            let asked = findings.get(&format!("{LIST} {service}"));
            if asked.is_some_and(|it| it.is_fresh(self.now())) {
                // What a run does not use is forgotten.
                for (_, _, operation) in listed(service) {
                    findings.get(&key(*operation));
                }
                continue;
            }
            if let Ok(quotas) = self.quotas_of(service).await {
                remember(findings, service, &quotas, self.now());
            }
            let asked = Finding::new(FindingKind::Asked, self.now());
            findings.learn(format!("{LIST} {service}"), asked);
        }
    }

    async fn quotas_of(&self, service: &str) -> Result<Vec<Quota>, ApiError> {
        let client = self.brief_json_service(ENDPOINT);
        let client = client.map_err(|error| ApiError::answer(LIST, service, error.to_string()))?;
        let answer = client.call(LIST, service, request(service)).await?;
        let Quotas { quotas } = parsed(LIST, service, answer)?;
        Ok(quotas.unwrap_or_default())
    }
}

/// Returns the calls a second that Service Quotas lately listed for operations that draw from the
/// same bucket.
pub(super) fn rate(findings: &FindingCache, bucket: Bucket, now: Time) -> Option<f64> {
    let mut listed = LISTED.iter().map(|(_, _, operation)| *operation);
    let operation = listed.find(|operation| operation.bucket() == Some(bucket))?;
    let finding = findings.get(&key(operation))?;
    let FindingKind::Rate(found) = finding.what else {
        return None;
    };
    finding.is_fresh(now).then_some(found.rate)
}

/// Remembers the rates among the quotas of a service.
fn remember(findings: &FindingCache, service: &str, quotas: &[Quota], now: Time) {
    for (_, name, operation) in listed(service) {
        let is_named = |quota: &&Quota| quota.name.as_ref().is_some_and(|it| it.starts_with(name));
        if let Some(rate) = quotas.iter().find(is_named).and_then(Quota::rate) {
            let found = FoundRate {
                rate,
                is_most: true,
                is_measured: false,
                burst: None,
            };
            let finding = Finding::new(FindingKind::Rate(found), now);
            findings.learn(key(*operation), finding);
        }
    }
}

fn listed(service: &str) -> impl Iterator<Item = &'static (&'static str, &'static str, Operation)> {
    LISTED.iter().filter(move |(of, _, _)| *of == service)
}

fn key(operation: Operation) -> String {
    format!("quota of {operation}")
}

fn request(service: &str) -> JsonRequest {
    let body = json!({"ServiceCode": service, "MaxResults": PAGE});
    let target = "ServiceQuotasV20190624.ListServiceQuotas".to_owned();
    JsonRequest::json("1.1", target, &body)
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn quotas_are_asked_for_as_the_sdks_do() {
        let models: Value =
            serde_json::from_str(include_str!("../../tests/moto/aws_models.json")).unwrap();
        let request = request("lambda");
        let body: Value = serde_json::from_str(&request.body).unwrap();
        let made = json!({
            "method": request.method, "uri": request.uri, "body": body,
            "content_type": request.headers[0].1, "target": request.headers[1].1,
        });
        assert_eq!(made, models["requests"]["servicequotas:ListServiceQuotas"]);
    }

    #[test]
    fn each_service_that_is_asked_has_a_quota_of_a_documented_rate() {
        for service in SERVICES {
            assert!(LISTED.iter().any(|(of, _, _)| *of == service));
        }
        for (service, _, operation) in LISTED {
            assert!(SERVICES.contains(&service));
            assert!(operation.name().starts_with(service));
            assert!(operation.bucket().is_some());
        }
    }

    #[test]
    fn a_quota_counts_if_it_is_so_many_in_some_seconds() {
        for (quota, expected) in [
            (json!({"Value": 30.0}), Some(30.0)),
            (
                json!({"Value": 30, "Period": {"PeriodValue": 1, "PeriodUnit": "SECOND"}}),
                Some(30.0),
            ),
            (
                json!({"Value": 30, "Period": {"PeriodValue": 2, "PeriodUnit": "SECOND"}}),
                Some(15.0),
            ),
            (
                json!({"Value": 30, "Period": {"PeriodValue": 0, "PeriodUnit": "SECOND"}}),
                None,
            ),
            (
                json!({"Value": 30, "Period": {"PeriodValue": 1, "PeriodUnit": "MINUTE"}}),
                None,
            ),
            (json!({"Value": 0}), None),
            (json!({}), None),
        ] {
            let read: Quota = serde_json::from_value(quota.clone()).unwrap();
            assert_eq!(read.rate(), expected, "{quota}");
        }
    }
}
