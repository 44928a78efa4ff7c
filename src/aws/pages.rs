//! Lists that come in pages, complete or not at all.

use std::collections::HashSet;

use super::ApiError;

/// Reads all pages of a list, each with the token of the one before.
///
/// # Errors
/// Where a page fails or has no list, since an empty list is a list too; or where the tokens lead nowhere: an empty one
/// might be the end or a mistake, and one that comes again would go round for ever. Either way nobody can say that the
/// list is complete.
pub(crate) async fn all_pages<T, F>(
    operation: &'static str,
    resource: &str,
    mut page: impl FnMut(Option<String>) -> F,
) -> Result<Vec<T>, ApiError>
where
    F: Future<Output = Result<(Option<Vec<T>>, Option<String>), ApiError>>,
{
    let mut all = Vec::new();
    let mut seen = HashSet::new();
    let mut token = None;
    loop {
        let (items, next) = page(token).await?;
        all.extend(items.ok_or_else(|| {
            ApiError::answer(operation, resource, "a page came without its list")
        })?);
        match next {
            None => return Ok(all),
            Some(next) if next.is_empty() => {
                return Err(ApiError::answer(
                    operation,
                    resource,
                    "a page came with an empty `nextToken`",
                ));
            }
            Some(next) if !seen.insert(next.clone()) => {
                return Err(ApiError::answer(
                    operation,
                    resource,
                    "the same `nextToken` came twice",
                ));
            }
            next => token = next,
        }
    }
}
