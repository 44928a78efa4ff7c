//! `ListImageReferrers`.

use crate::ecr::repository::Repository;
use crate::error::{Answer, json};
use crate::input::{filter, text};
use crate::page::Paging;
use serde_json::{Value, json as object};

/// Searches the whole repository: real code asks `DescribeImages` for the subjects instead.
pub(crate) fn list(repository: &Repository, body: &Value) -> Answer {
    let paging = Paging::read(body, format!("referrers/{}", repository.name), 50, 50)?;
    let subject = body.get("subjectId").and_then(|id| text(id, "imageDigest"));
    let wanted = body.get("filter").unwrap_or(&Value::Null);
    let types = filter(wanted, "artifactTypes");
    let found = repository
        .images
        .range::<str, _>(paging.bounds())
        .filter(|(_, image)| image.subject.is_some() && image.subject.as_deref() == subject)
        .filter(|(_, image)| image.has_status(text(wanted, "artifactStatus")))
        .filter(|(_, image)| {
            let artifact_type = image.artifact_media_type.as_deref();
            types.is_none_or(|types| types.iter().any(|one| one.as_str() == artifact_type))
        })
        .map(|(digest, image)| {
            let referrer = object!({
                "digest": digest,
                "mediaType": image.media_type,
                "artifactType": image.artifact_media_type,
                "size": image.size,
                "artifactStatus": image.status,
            });
            (digest, referrer)
        });
    let page = paging.take(found);
    let mut answer = object!({"referrers": page.items});
    if let Some(token) = page.next_token {
        answer["nextToken"] = token.into();
    }
    json(&answer)
}
