//! A client as small as it gets: one request over one connection.

use serde_json::Value;
use simulated_aws::SimulatedAws;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Sends bytes and reads until the server closes; `None` if nothing came.
pub(crate) async fn raw(aws: &SimulatedAws, head: &str, body: &str) -> Option<String> {
    let address = aws.endpoint().replace("http://", "");
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!(
        "{head}\r\nhost: aws\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    let _ = stream.read_to_string(&mut answer).await;
    (!answer.is_empty()).then_some(answer)
}

/// Sends a request, and returns the status of its answer.
pub(crate) async fn status_of(aws: &SimulatedAws, head: &str, body: &str) -> String {
    let answer = raw(aws, head, body).await.unwrap();
    answer.split(' ').nth(1).unwrap().to_owned()
}

/// Returns how many items a list has.
pub(crate) fn count(list: &Value) -> usize {
    list.as_array().unwrap().len()
}

pub(crate) fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

/// Calls an operation such as `ecr:DescribeImages`; status and JSON of the answer.
pub(crate) async fn call(aws: &SimulatedAws, operation: &str, body: &Value) -> (u16, Value) {
    call_as(aws, "AKIAHOME", "eu-west-1", operation, body).await
}

/// Calls with this access key in this Region.
pub(crate) async fn call_as(
    aws: &SimulatedAws,
    key: &str,
    region: &str,
    operation: &str,
    body: &Value,
) -> (u16, Value) {
    let (service, name) = operation.split_once(':').unwrap();
    let prefix = match service {
        "ecr" => "AmazonEC2ContainerRegistry_V20150921",
        "ecs" => "AmazonEC2ContainerServiceV20141113",
        _ => "AmazonSSM",
    };
    let head = format!(
        "POST / HTTP/1.1\r\nx-amz-target: {prefix}.{name}\r\nauthorization: AWS4-HMAC-SHA256 \
         Credential={key}/20261121/{region}/{service}/aws4_request, SignedHeaders=host, Signature=0"
    );
    let answer = raw(aws, &head, &body.to_string()).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, serde_json::from_str(body).unwrap_or(Value::Null))
}
