//! Answers: discovery, lists in pages, and what an API server says when it refuses.

use crate::fault::FaultKind;
use crate::state::{Resource, State};
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};
use std::io::Write;

/// An answer, or what becomes of the connection instead.
pub(crate) enum Ending {
    Answer(Reply),
    Cut(Reply),
    Hang,
    Drop,
}

pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Vec<u8>,
}

impl Reply {
    fn json(status: u16, body: &Value) -> Self {
        let headers = vec![("content-type", "application/json".to_owned())];
        Self {
            status,
            headers,
            body: body.to_string().into_bytes(),
        }
    }

    fn status(status: u16, reason: &str, message: &str) -> Self {
        let body = json!({
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
            "message": message, "reason": reason, "code": status,
        });
        Self::json(status, &body)
    }
}

/// Answers a request for a path with a query.
pub(crate) fn answer(state: &mut State, uri: &str, accept: &str, token: Option<&str>) -> Ending {
    state.requests.push(uri.to_owned());
    state.tokens.extend(token.map(str::to_owned));
    if let Some(signer) = &state.signer {
        let checked = token
            .ok_or("no token".to_owned())
            .and_then(|token| signer.check(token, &state.name));
        if let Err(problem) = checked {
            return Ending::Answer(Reply::status(
                401,
                "Unauthorized",
                &format!("Unauthorized ({problem})"),
            ));
        }
    }
    let (path, query) = uri.split_once('?').unwrap_or((uri, ""));
    if path == "/apis" {
        return discovery(state, accept);
    }
    let parts: Vec<&str> = path.trim_start_matches('/').split('/').collect();
    let (group, version, plural) = match parts.as_slice() {
        ["api", "v1", plural] => ("", "v1", *plural),
        ["apis", group, ..] if state.stale.iter().any(|stale| stale == group) => {
            let message = "service unavailable";
            return Ending::Answer(Reply::status(503, "ServiceUnavailable", message));
        }
        ["apis", group, version, plural] => (*group, *version, *plural),
        ["apis", group, version] => return Ending::Answer(resources(state, group, version)),
        _ => {
            return Ending::Answer(Reply::status(
                404,
                "NotFound",
                "the server could not find the requested resource",
            ));
        }
    };
    let parameter = |name: &str| {
        query
            .split('&')
            .find_map(|pair| pair.split_once('=').filter(|(key, _)| *key == name))
    };
    let token = parameter("continue").map(|(_, token)| token.to_owned());
    let limit = parameter("limit")
        .and_then(|(_, limit)| limit.parse().ok())
        .unwrap_or(usize::MAX);
    let fault = fault(state, plural, token.is_some())
        .or_else(|| self::fault(state, &format!("{version}/{plural}"), token.is_some()));
    if fault == Some(FaultKind::Withdrawn) {
        let is_it = |known: &Resource| known.version == version && known.plural == plural;
        state.resources.retain(|known, _| !is_it(known));
    }
    list(
        state,
        (group, version, plural),
        limit,
        token.as_deref(),
        fault,
    )
}

fn fault(state: &mut State, plural: &str, later: bool) -> Option<FaultKind> {
    state
        .faults
        .iter_mut()
        .find_map(|fault| fault.hits(plural, later).then_some(fault.kind))
}

fn list(
    state: &State,
    (group, version, plural): (&str, &str, &str),
    limit: usize,
    token: Option<&str>,
    fault: Option<FaultKind>,
) -> Ending {
    let resource = state.resources.iter().find(|(known, _)| {
        (&*known.group, &*known.version, &*known.plural) == (group, version, plural)
    });
    let Some((resource, objects)) = resource else {
        return Ending::Answer(Reply::status(
            404,
            "NotFound",
            "the server could not find the requested resource",
        ));
    };
    if state.denied.iter().any(|denied| denied == plural) {
        let message = format!(
            "{plural} is forbidden: User \"ecr-cleanup\" cannot list resource \"{plural}\" in API group \"{group}\" at the cluster scope"
        );
        return Ending::Answer(Reply::status(403, "Forbidden", &message));
    }
    let from = match token.map(|token| {
        token
            .strip_prefix("after-")
            .and_then(|number| number.parse::<usize>().ok())
    }) {
        None => 0,
        Some(Some(from)) => from,
        Some(None) => {
            return Ending::Answer(Reply::status(
                400,
                "BadRequest",
                "continue key is not valid",
            ));
        }
    };
    let size = limit.min(state.page_size);
    let items: Vec<&Value> = objects.values().skip(from).take(size).collect();
    let next = from + items.len();
    let more = next < objects.len();
    let mut metadata = json!({"resourceVersion": "1000"});
    if more {
        metadata["continue"] = format!("after-{next}").into();
        metadata["remainingItemCount"] = (objects.len() - next).into();
    }
    let Resource { version, kind, .. } = resource;
    let api_version = if group.is_empty() {
        version.clone()
    } else {
        format!("{group}/{version}")
    };
    let list_kind = state.list_kinds.get(plural).cloned();
    let list_kind = list_kind.unwrap_or_else(|| format!("{kind}List"));
    let page =
        json!({"kind": list_kind, "apiVersion": api_version, "metadata": metadata, "items": items});
    end(page, kind, token, fault)
}

/// Answers with a page of a kind, or as the fault has it.
fn end(mut page: Value, kind: &str, token: Option<&str>, fault: Option<FaultKind>) -> Ending {
    match fault {
        None | Some(FaultKind::Withdrawn) => Ending::Answer(Reply::json(200, &page)),
        Some(FaultKind::Status(status)) => {
            Ending::Answer(Reply::status(status, "Simulated", "simulated"))
        }
        Some(FaultKind::Conversion) => Ending::Answer(Reply::status(
            500,
            "InternalError",
            &format!(
                "conversion webhook for example.com/v1, Kind={kind} failed: service \"hook\" not found"
            ),
        )),
        Some(FaultKind::TooMany(seconds)) => {
            let mut reply = Reply::status(429, "TooManyRequests", "simulated");
            reply.headers.push(("retry-after", seconds.to_string()));
            Ending::Answer(reply)
        }
        Some(FaultKind::Expired) => {
            let mut body = json!({"kind": "Status", "reason": "Expired", "code": 410});
            body["message"] = "The provided continue parameter is too old".into();
            body["metadata"] = json!({"continue": "inconsistent"});
            Ending::Answer(Reply::json(410, &body))
        }
        Some(FaultKind::Hang) => Ending::Hang,
        Some(FaultKind::Drop) => Ending::Drop,
        Some(FaultKind::Cut) => Ending::Cut(Reply::json(200, &page)),
        Some(FaultKind::BadJson) => {
            let mut reply = Reply::json(200, &page);
            reply.body.truncate(reply.body.len() / 2);
            Ending::Answer(reply)
        }
        Some(FaultKind::NoItems) => {
            let _ = page.as_object_mut().map(|page| page.remove("items"));
            Ending::Answer(Reply::json(200, &page))
        }
        Some(FaultKind::NoList) => {
            page["kind"] = kind.into();
            Ending::Answer(Reply::json(200, &page))
        }
        Some(FaultKind::OtherVersion) => {
            page["metadata"]["resourceVersion"] = "1001".into();
            Ending::Answer(Reply::json(200, &page))
        }
        Some(FaultKind::SameToken) => {
            page["metadata"]["continue"] = token.unwrap_or("after-0").into();
            Ending::Answer(Reply::json(200, &page))
        }
        Some(FaultKind::Bomb) => Ending::Answer(bomb()),
        Some(FaultKind::Deep) => Ending::Answer(deep(kind)),
    }
}

/// Returns the bytes, compressed.
pub(crate) fn compressed(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    // A vector takes everything.
    let _ = encoder.write_all(bytes);
    encoder.finish().unwrap_or_default()
}

fn bomb() -> Reply {
    let mut reply = Reply::json(200, &Value::Null);
    reply.headers.push(("content-encoding", "gzip".to_owned()));
    reply.body = compressed(&vec![b' '; 100 << 20]);
    reply
}

fn deep(kind: &str) -> Reply {
    let mut reply = Reply::json(200, &Value::Null);
    let mut body =
        format!(r#"{{"kind":"{kind}List","metadata":{{}},"items":[{{"spec":{{"containers":"#)
            .into_bytes();
    body.extend(b"[".repeat(100_000));
    body.extend(b"]".repeat(100_000));
    body.extend(b"}}]}");
    reply.body = body;
    reply
}

fn discovery(state: &mut State, accept: &str) -> Ending {
    match fault(state, "discovery", false) {
        Some(FaultKind::Status(status)) => {
            return Ending::Answer(Reply::status(status, "Simulated", "simulated"));
        }
        Some(FaultKind::Drop) => return Ending::Drop,
        _ => {}
    }
    let mut groups: Vec<&str> = state
        .resources
        .keys()
        .map(|known| known.group.as_str())
        .collect();
    groups.retain(|group| !group.is_empty());
    groups.dedup();
    let of = |group: &str| {
        state
            .resources
            .keys()
            .filter(move |known| known.group == group)
            .collect::<Vec<_>>()
    };
    if state.aggregated && accept.contains("as=APIGroupDiscoveryList") {
        let items = groups.iter().map(|group| {
            let freshness = if state.stale.iter().any(|stale| stale == group) { "Stale" } else { "Current" };
            let versions = versions(&of(group)).into_iter().map(|version| {
                let resources: Vec<Value> = of(group).iter().filter(|known| known.version == version).map(|known| json!({
                    "resource": known.plural, "responseKind": {"group": group, "version": known.version, "kind": known.kind},
                    "scope": "Namespaced", "verbs": ["get", "list", "watch"],
                })).collect();
                json!({"version": version, "freshness": freshness, "resources": resources})
            });
            json!({"metadata": {"name": group}, "versions": versions.collect::<Vec<_>>()})
        });
        let body = json!({"kind": "APIGroupDiscoveryList", "apiVersion": "apidiscovery.k8s.io/v2", "items": items.collect::<Vec<_>>()});
        return Ending::Answer(Reply::json(200, &body));
    }
    let groups = groups.iter().map(|group| {
        let versions = versions(&of(group)).into_iter();
        let versions = versions.map(|version| json!({"version": version}));
        json!({"name": group, "versions": versions.collect::<Vec<_>>()})
    });
    Ending::Answer(Reply::json(
        200,
        &json!({"kind": "APIGroupList", "groups": groups.collect::<Vec<_>>()}),
    ))
}

/// Returns the versions of the kinds of a group, the first one preferred.
fn versions<'a>(kinds: &[&'a Resource]) -> Vec<&'a str> {
    let mut versions: Vec<&str> = kinds.iter().map(|known| known.version.as_str()).collect();
    versions.sort_unstable();
    versions.dedup();
    versions
}

fn resources(state: &State, group: &str, version: &str) -> Reply {
    let served = state
        .resources
        .keys()
        .filter(|known| known.group == group && known.version == version);
    let served: Vec<Value> = served
        .flat_map(|known| {
            let status = format!("{}/status", known.plural);
            [
                json!({"name": known.plural, "kind": known.kind, "verbs": ["list"]}),
                json!({"name": status, "kind": known.kind, "verbs": ["get"]}),
            ]
        })
        .collect();
    Reply::json(
        200,
        &json!({"kind": "APIResourceList", "resources": served}),
    )
}
