//! What the command reads and writes itself: configurations in S3 and in Systems Manager, an object
//! of S3.

use serde_json::{Value, json};

use super::{ApiError, Clients, Endpoint, JsonRequest, Operation, s3};
use crate::config::{Fetch, S3Bucket, S3Objects};

const ENDPOINT: Endpoint<'static> = Endpoint {
    id: "SSM",
    prefix: "ssm",
    signing: "ssm",
};

impl Fetch for Clients {
    type Error = ApiError;

    async fn s3(&self, bucket: &str, key: &str) -> Result<Vec<u8>, ApiError> {
        // Who owns it is not known: what it holds can be pinned.
        let bucket = S3Bucket {
            name: bucket.to_owned(),
            owner: None,
        };
        Ok(s3::get(self, &bucket, key).await?.bytes)
    }

    async fn ssm(&self, name: &str) -> Result<String, ApiError> {
        const OPERATION: Operation = Operation::GetParameter;
        let unusable = |problem: &str| ApiError::answer(OPERATION, name, problem);
        let service = self.json_service(ENDPOINT);
        let service = service.map_err(|error| unusable(&error.to_string()))?;
        let answer = service.call(OPERATION, name, request(name)).await?;
        let value = answer.pointer("/Parameter/Value").and_then(Value::as_str);
        let value = value.ok_or_else(|| unusable("the parameter has no value"))?;
        Ok(value.to_owned())
    }
}

impl Clients {
    /// Reads an object of S3.
    ///
    /// # Errors
    /// Returns an error if the call fails.
    pub async fn download(&self, object: &S3Objects) -> Result<Vec<u8>, ApiError> {
        Ok(s3::get(self, &object.bucket, &object.key).await?.bytes)
    }

    /// Writes an object of S3.
    ///
    /// # Errors
    /// Returns an error if the call fails.
    pub async fn upload(
        &self,
        object: &S3Objects,
        content_type: &str,
        bytes: Vec<u8>,
    ) -> Result<(), ApiError> {
        s3::put(self, &object.bucket, &object.key, content_type, bytes).await
    }
}

fn request(name: &str) -> JsonRequest {
    JsonRequest::json(
        "1.1",
        "AmazonSSM.GetParameter".to_owned(),
        &json!({"Name": name, "WithDecryption": true}),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parameter_is_asked_for_as_the_sdks_do() {
        let models: Value =
            serde_json::from_str(include_str!("../../tests/moto/aws_models.json")).unwrap();
        let JsonRequest {
            method,
            uri,
            headers,
            body,
        } = request("/ecr-cleanup/configuration");
        let body: Value = serde_json::from_str(&body).unwrap();
        let (content_type, target) = (&headers[0], &headers[1]);
        assert_eq!((content_type.0, target.0), ("content-type", "x-amz-target"));
        let request = json!({
            "method": method, "uri": uri, "body": body, "content_type": content_type.1, "target": target.1,
        });
        assert_eq!(request, models["requests"]["ssm:GetParameter"]);
    }
}
