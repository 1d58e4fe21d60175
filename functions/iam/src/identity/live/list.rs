//! Lists of users, roles and groups.

use aws_sdk_iam::Client;
use undrift_aws::client::{LISTED, classify, listed, malformed};
use undrift_engine::port::{CallError, Listed};

use super::super::Sort;

/// A page of users, then of roles, then of groups: `from` is `<sort>:<marker>`. Roles that only
/// AWS may change, by their path, are left out.
pub(crate) async fn list(client: &Client, from: Option<&str>) -> Result<Listed, CallError> {
    let (sort, marker) = match from {
        None => (Sort::User, ""),
        Some(from) => begun(from).ok_or_else(|| malformed("list", from, "no page begins there"))?,
    };
    let marker = (!marker.is_empty()).then(|| marker.to_owned());
    macro_rules! page {
        ($call:ident, $members:ident, $name:ident, $operation:expr) => {{
            let call = client.$call().max_items(LISTED).set_marker(marker);
            let page = call.send().await;
            let page = page.map_err(|e| classify(&e, $operation, "all of them"))?;
            let all = page.$members().iter();
            let all = all.filter(|one| !is_reserved(one.path()));
            let names = all.map(|one| one.$name().to_owned()).collect::<Vec<_>>();
            let next = page.marker().filter(|_| page.is_truncated());
            (names, next.map(str::to_owned))
        }};
    }
    let (names, next) = match sort {
        Sort::User => page!(list_users, users, user_name, "iam:ListUsers"),
        Sort::Role => page!(list_roles, roles, role_name, "iam:ListRoles"),
        Sort::Group => page!(list_groups, groups, group_name, "iam:ListGroups"),
    };
    let ids: Vec<String> = names
        .iter()
        .map(|name| format!("{}/{name}", sort.path()))
        .collect();
    let next = match next {
        Some(marker) => Some(format!("{}:{marker}", sort.path())),
        None => following(sort).map(|sort| format!("{}:", sort.path())),
    };
    let ids = ids.iter().map(|id| Some(id.as_str()));
    listed("list", ids, next.as_deref())
}

fn begun(from: &str) -> Option<(Sort, &str)> {
    let (path, marker) = from.split_once(':')?;
    let sort = Sort::ALL.into_iter().find(|s| s.path() == path)?;
    Some((sort, marker))
}

fn following(sort: Sort) -> Option<Sort> {
    let mut rest = Sort::ALL.into_iter().skip_while(|s| *s != sort);
    rest.nth(1)
}

/// AWS's own: nobody else can change them (IAM User Guide, "Service-linked roles"; IAM Identity
/// Center User Guide, "Permission sets").
fn is_reserved(path: &str) -> bool {
    path.starts_with("/aws-service-role/") || path.starts_with("/aws-reserved/")
}
