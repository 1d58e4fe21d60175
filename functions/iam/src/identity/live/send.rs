//! The calls of plans about users, roles and groups.

use aws_sdk_iam::Client;
use undrift_aws::client::{classify, malformed};
use undrift_core::kind::Call;
use undrift_engine::port::{CallError, Sent};

use super::text;

/// Sends one call of a plan.
pub(crate) async fn send(client: &Client, call: &Call) -> Result<Sent, CallError> {
    use aws_sdk_iam::operation::RequestId as _;
    let operation = format!("iam:{}", call.operation);
    let names = ["RoleName", "UserName", "GroupName"];
    let resource = names.iter().find_map(|n| text(&call.input, n));
    let resource = resource.unwrap_or_default();
    let of = |member: &str| text(&call.input, member);
    macro_rules! answer {
        ($call:expr) => {{
            let answer = $call.send().await;
            let answer = answer.map_err(|e| classify(&e, &operation, &resource))?;
            answer.request_id().map(str::to_owned)
        }};
    }
    macro_rules! attachment {
        ($call:ident, $set_name:ident, $name:literal) => {
            answer!(
                client
                    .$call()
                    .$set_name(of($name))
                    .set_policy_arn(of("PolicyArn"))
            )
        };
    }
    macro_rules! put {
        ($call:ident, $set_name:ident, $name:literal) => {
            answer!(
                client
                    .$call()
                    .$set_name(of($name))
                    .set_policy_name(of("PolicyName"))
                    .set_policy_document(of("PolicyDocument"))
            )
        };
    }
    macro_rules! delete {
        ($call:ident, $set_name:ident, $name:literal) => {
            answer!(
                client
                    .$call()
                    .$set_name(of($name))
                    .set_policy_name(of("PolicyName"))
            )
        };
    }
    let request_id = match call.operation.as_str() {
        "AttachUserPolicy" => attachment!(attach_user_policy, set_user_name, "UserName"),
        "DetachUserPolicy" => attachment!(detach_user_policy, set_user_name, "UserName"),
        "PutUserPolicy" => put!(put_user_policy, set_user_name, "UserName"),
        "DeleteUserPolicy" => delete!(delete_user_policy, set_user_name, "UserName"),
        "AttachRolePolicy" => attachment!(attach_role_policy, set_role_name, "RoleName"),
        "DetachRolePolicy" => attachment!(detach_role_policy, set_role_name, "RoleName"),
        "PutRolePolicy" => put!(put_role_policy, set_role_name, "RoleName"),
        "DeleteRolePolicy" => delete!(delete_role_policy, set_role_name, "RoleName"),
        "AttachGroupPolicy" => attachment!(attach_group_policy, set_group_name, "GroupName"),
        "DetachGroupPolicy" => attachment!(detach_group_policy, set_group_name, "GroupName"),
        "PutGroupPolicy" => put!(put_group_policy, set_group_name, "GroupName"),
        "DeleteGroupPolicy" => delete!(delete_group_policy, set_group_name, "GroupName"),
        "AddUserToGroup" => answer!(
            client
                .add_user_to_group()
                .set_group_name(of("GroupName"))
                .set_user_name(of("UserName"))
        ),
        "RemoveUserFromGroup" => answer!(
            client
                .remove_user_from_group()
                .set_group_name(of("GroupName"))
                .set_user_name(of("UserName"))
        ),
        "UpdateAssumeRolePolicy" => answer!(
            client
                .update_assume_role_policy()
                .set_role_name(of("RoleName"))
                .set_policy_document(of("PolicyDocument"))
        ),
        _ => {
            return Err(malformed(
                &operation,
                &resource,
                "this is no call of a plan",
            ));
        }
    };
    Ok(Sent { request_id })
}
