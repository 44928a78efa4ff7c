//! Webhooks: addresses of chats that take a JSON document, and where such an address is kept.

use std::io;

use aws_smithy_runtime::client::retries::classifiers::TransientErrorClassifier;
use aws_smithy_runtime_api::client::{
    orchestrator::{HttpRequest, HttpResponse, OrchestratorError},
    result::SdkError,
};
use aws_smithy_types::body::SdkBody;
use hyper::{
    Uri,
    http::uri::{Authority, PathAndQuery},
};
use serde_json::{Value, json};

use super::{ApiError, Clients, Endpoint, JsonRequest, Operation, chain, json_service::unsigned};
use crate::{config::is_webhook, image::escaped};

const SECRETS: Endpoint<'static> = Endpoint {
    id: "Secrets Manager",
    prefix: "secretsmanager",
    signing: "secretsmanager",
};

/// The most characters of what a webhook answers that an error shows.
const ANSWER: usize = 200;

/// The address of a webhook. It is a secret: nothing shows more of it than its host.
pub(crate) struct Webhook(Uri);

/// Reason for which a message did not reach a webhook.
#[derive(Debug, thiserror::Error)]
#[error("the webhook at `{host}` {problem}")]
pub(crate) struct WebhookError {
    host: String,
    problem: String,
}

impl Webhook {
    /// Reads an address, but for spaces around it; `None` if it is none that messages may be sent to.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let address = is_webhook(text).then(|| text.parse())?;
        address.ok().map(Self)
    }

    /// Returns its host, without a port.
    pub(crate) fn host(&self) -> &str {
        self.0.host().unwrap_or_default()
    }
}

impl Clients {
    /// Returns the value of a secret.
    pub(crate) async fn secret(&self, name: &str) -> Result<String, ApiError> {
        const OPERATION: Operation = Operation::GetSecretValue;
        let unusable = |problem: &str| ApiError::answer(OPERATION, name, problem);
        let service = self.json_service(SECRETS);
        let service = service.map_err(|error| unusable(&error.to_string()))?;
        let answer = service.call(OPERATION, name, request(name)).await?;
        let value = answer.get("SecretString").and_then(Value::as_str);
        let value = value.ok_or_else(|| unusable("the secret holds no text"))?;
        Ok(value.to_owned())
    }

    /// Sends a document to a webhook, with the retries, time limits and proxies of all calls.
    pub(crate) async fn post(&self, webhook: &Webhook, body: &Value) -> Result<(), WebhookError> {
        let address = &webhook.0;
        let scheme = address.scheme_str().unwrap_or_default();
        let authority = address.authority().map_or("", Authority::as_str);
        let path = address.path_and_query().map_or("/", PathAndQuery::as_str);
        let path = path.to_owned();
        let sender = unsigned(&self.config, &format!("{scheme}://{authority}"))
            .service_name("webhook")
            .operation_name("post")
            .no_auth()
            .retry_classifier(TransientErrorClassifier::<io::Error>::new())
            .serializer(move |body: String| {
                let mut request = HttpRequest::new(SdkBody::from(body));
                request.set_method("POST")?;
                request.set_uri(path.clone())?;
                let headers = request.headers_mut();
                headers.insert("content-type", "application/json");
                Ok(request)
            })
            .deserializer(accepted)
            .build();
        let sent = Box::pin(sender.invoke(body.to_string())).await;
        sent.map_err(|error| {
            let problem = match &error {
                SdkError::ServiceError(refused) => format!("answered {}", refused.err()),
                _ => format!("was not reached: {}", chain(&error)),
            };
            WebhookError {
                host: webhook.host().to_owned(),
                problem: escaped(&problem).into_owned(),
            }
        })
    }
}

/// Returns whether a webhook took a message.
fn accepted(response: &HttpResponse) -> Result<(), OrchestratorError<io::Error>> {
    if response.status().is_success() {
        return Ok(());
    }
    let body = response.body().bytes().unwrap_or_default();
    let body = String::from_utf8_lossy(body);
    let answer: String = body.trim().chars().take(ANSWER).collect();
    let problem = format!("HTTP {}: {answer}", response.status().as_u16());
    Err(OrchestratorError::operation(io::Error::other(problem)))
}

fn request(secret: &str) -> JsonRequest {
    let target = "secretsmanager.GetSecretValue".to_owned();
    JsonRequest::json("1.1", target, &json!({ "SecretId": secret }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_asked_for_as_the_sdks_do() {
        let models: Value =
            serde_json::from_str(include_str!("../../tests/moto/aws_models.json")).unwrap();
        let request = request("ecr-cleanup/webhook");
        let body: Value = serde_json::from_str(&request.body).unwrap();
        let (content_type, target) = (&request.headers[0].1, &request.headers[1].1);
        let request = json!({
            "method": request.method, "uri": request.uri, "body": body, "content_type": content_type, "target": target,
        });
        assert_eq!(request, models["requests"]["secretsmanager:GetSecretValue"]);
    }
}
