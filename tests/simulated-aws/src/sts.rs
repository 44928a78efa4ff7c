//! STS: `GetCallerIdentity` and `AssumeRole`; IAM: `ListAccountAliases`.

use crate::error::{Answer, ApiError};
use crate::input::{required, text};
use crate::request::Request;
use crate::world::{Identity, Trust, World};
use sha2::{Digest, Sha256};

pub(crate) fn answer(world: &mut World, request: &Request) -> Answer {
    let body = match request.operation.as_str() {
        "GetCallerIdentity" => {
            let Identity { account, arn } = world.identity(&request.access_key);
            format!("<Arn>{arn}</Arn><UserId>AROA:session</UserId><Account>{account}</Account>")
        }
        "AssumeRole" => assume(world, request)?,
        operation => return Err(ApiError::unknown_operation(operation)),
    };
    let operation = &request.operation;
    Ok(format!(
        "<{operation}Response xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">\
         <{operation}Result>{body}</{operation}Result>\
         <ResponseMetadata><RequestId>simulated</RequestId></ResponseMetadata>\
         </{operation}Response>"
    )
    .into_bytes())
}

/// Answers IAM.
pub(crate) fn aliases(world: &World, operation: &str) -> Answer {
    if operation != "ListAccountAliases" {
        return Err(ApiError::unknown_operation(operation));
    }
    let alias = world.account_alias.as_ref();
    let alias = alias.map_or_else(String::new, |alias| format!("<member>{alias}</member>"));
    Ok(format!(
        "<ListAccountAliasesResponse xmlns=\"https://iam.amazonaws.com/doc/2010-05-08/\">\
         <ListAccountAliasesResult><IsTruncated>false</IsTruncated>\
         <AccountAliases>{alias}</AccountAliases></ListAccountAliasesResult>\
         </ListAccountAliasesResponse>"
    )
    .into_bytes())
}

/// Assumes a role: the new access key belongs to its account from then on. Where roles are listed,
/// one that is not, or whose trust does not hold for the caller, cannot be assumed.
fn assume(world: &mut World, request: &Request) -> Result<String, ApiError> {
    let role = required(&request.body, "RoleArn")?;
    let session = text(&request.body, "RoleSessionName").unwrap_or("session");
    let mut parts = role.split(':');
    let (Some(account), Some(name)) = (parts.nth(4), parts.next()) else {
        return Err(ApiError::new(
            "ValidationError",
            format!("{role} is invalid"),
        ));
    };
    let name = name.rsplit('/').next().unwrap_or(name);
    let caller = world.identity(&request.access_key);
    let trust = world.roles.get(role);
    let lets_in = |trust: &Trust| {
        trust.accounts.contains(&caller.account)
            && trust
                .external_id
                .as_deref()
                .is_none_or(|id| text(&request.body, "ExternalId") == Some(id))
    };
    if !world.roles.is_empty() && !trust.is_some_and(lets_in) {
        let message = format!(
            "User: {} is not authorized to perform: sts:AssumeRole on resource: {role}",
            caller.arn
        );
        return Err(ApiError::with_status(403, "AccessDenied", message));
    }
    let over = trust.is_some_and(|trust| trust.short_lived);
    let expiration = if over {
        "2001-01-01T00:00:00Z"
    } else {
        "2099-01-01T00:00:00Z"
    };
    let arn = format!("arn:aws:sts::{account}:assumed-role/{name}/{session}");
    let key = hex::encode_upper(&Sha256::digest(&arn)[..8]);
    let key = format!("ASIA{key}");
    let answer = format!(
        "<AssumedRoleUser><AssumedRoleId>AROA:{session}</AssumedRoleId><Arn>{arn}</Arn></AssumedRoleUser>\
         <Credentials><AccessKeyId>{key}</AccessKeyId><SecretAccessKey>sim-secrt</SecretAccessKey>\
         <SessionToken>sim-token</SessionToken><Expiration>{expiration}</Expiration></Credentials>"
    );
    let account = account.to_owned();
    world.access_keys.insert(key, Identity { account, arn });
    Ok(answer)
}
