//! Lists that come in pages, complete or not at all.

use std::collections::HashSet;

use super::{ApiError, Operation};

/// A page of a list: its items, if it has a list, and the token of the next page.
pub(crate) type Page<T> = (Option<Vec<T>>, Option<String>);

/// Reads all pages of a list, each with the token of the one before.
///
/// # Errors
/// If a page fails or has no list, since an empty list is a list too; if a token is empty, which
/// might be the end or a mistake; or if a token comes again. Nobody can say then that the list is
/// complete.
pub(crate) async fn all_pages<T, E, F>(
    operation: Operation,
    resource: &str,
    mut page: impl FnMut(Option<String>) -> F,
) -> Result<Vec<T>, E>
where
    E: From<ApiError>,
    F: Future<Output = Result<Page<T>, E>>,
{
    let unusable = |problem: &str| ApiError::answer(operation, resource, problem);
    let mut all = Vec::new();
    let mut seen = HashSet::new();
    let mut token = None;
    loop {
        let (items, next) = page(token).await?;
        all.extend(items.ok_or_else(|| unusable("a page came without its list"))?);
        match next {
            None => return Ok(all),
            Some(next) if next.is_empty() => {
                return Err(unusable("a page came with an empty `nextToken`").into());
            }
            Some(next) if !seen.insert(next.clone()) => {
                return Err(unusable("the same `nextToken` came twice").into());
            }
            next => token = next,
        }
    }
}
