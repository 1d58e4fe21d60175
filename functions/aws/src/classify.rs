//! What class an AWS error belongs to: by its code first, by its HTTP status where the code
//! says nothing.
//!
//! Sources: the services' API references ("Common Errors", EC2's "Error codes"), and the codes
//! that AWS's own SDKs take for throttling and for passing failures.

use undrift_engine::port::ErrorClass;

/// The code of an error that was no answer of AWS: the request was not sent, or not answered.
pub const CLIENT: &str = "client";

/// Codes whose class their form doesn't tell.
const EXACT: &[(&str, ErrorClass)] = &[
    ("BandwidthLimitExceeded", ErrorClass::Throttled),
    ("EC2ThrottledException", ErrorClass::Throttled),
    ("LimitExceededException", ErrorClass::Throttled),
    ("PriorRequestNotComplete", ErrorClass::Throttled),
    (
        "ProvisionedThroughputExceededException",
        ErrorClass::Throttled,
    ),
    ("RequestLimitExceeded", ErrorClass::Throttled),
    ("SlowDown", ErrorClass::Throttled),
    ("InternalError", ErrorClass::Transient),
    ("InternalFailure", ErrorClass::Transient),
    ("InternalServerError", ErrorClass::Transient),
    ("InternalServiceError", ErrorClass::Transient),
    ("ServiceFailure", ErrorClass::Transient),
    ("ServiceUnavailable", ErrorClass::Transient),
    ("Unavailable", ErrorClass::Transient),
    // The next environment has fresh credentials, and the next request a fresh time.
    ("ExpiredToken", ErrorClass::Transient),
    ("ExpiredTokenException", ErrorClass::Transient),
    ("RequestExpired", ErrorClass::Transient),
    ("RequestTimeTooSkewed", ErrorClass::Transient),
    ("RequestTimeout", ErrorClass::Transient),
    ("RequestTimeoutException", ErrorClass::Transient),
    ("AllAccessDisabled", ErrorClass::Denied),
    ("AuthFailure", ErrorClass::Denied),
    ("IncompleteSignature", ErrorClass::Denied),
    ("InvalidAccessKeyId", ErrorClass::Denied),
    ("InvalidClientTokenId", ErrorClass::Denied),
    ("KMSAccessDenied", ErrorClass::Denied),
    ("MissingAuthenticationToken", ErrorClass::Denied),
    ("OptInRequired", ErrorClass::Denied),
    ("SignatureDoesNotMatch", ErrorClass::Denied),
    ("UnauthorizedAccess", ErrorClass::Denied),
    ("UnauthorizedOperation", ErrorClass::Denied),
    ("UnrecognizedClientException", ErrorClass::Denied),
    ("ParameterNotFound", ErrorClass::Missing),
    ("BucketAlreadyOwnedByYou", ErrorClass::Already),
    ("ConditionalRequestConflict", ErrorClass::Conflict),
    ("ConflictException", ErrorClass::Conflict),
    ("DeleteConflict", ErrorClass::Conflict),
    ("EntityTemporarilyUnmodifiable", ErrorClass::Conflict),
    ("IncorrectState", ErrorClass::Conflict),
    ("OperationAborted", ErrorClass::Conflict),
    ("PreconditionFailed", ErrorClass::Conflict),
    ("PreconditionFailedException", ErrorClass::Conflict),
    ("PriorityOrderConflict", ErrorClass::Conflict),
    ("ResourceConflictException", ErrorClass::Conflict),
    ("ResourceInUseException", ErrorClass::Conflict),
    ("PolicyNotAttachable", ErrorClass::Invalid),
];

/// The class of an error that AWS answered with `code` and HTTP `status`.
///
/// EC2 and some others put `Client.` or `Server.` before their codes in CloudTrail, and query
/// services a namespace before a `#`: both are taken off.
#[must_use]
pub fn class_of(code: &str, status: Option<u16>) -> ErrorClass {
    let code = code.rsplit('#').next().unwrap_or(code);
    let code = code
        .strip_prefix("Client.")
        .or_else(|| code.strip_prefix("Server."))
        .unwrap_or(code);
    if let Some((_, class)) = EXACT.iter().find(|(known, _)| *known == code) {
        return *class;
    }
    by_form(code).unwrap_or_else(|| by_status(status))
}

/// Codes of one class are formed alike over the services.
fn by_form(code: &str) -> Option<ErrorClass> {
    let starts = |words: &[&str]| words.iter().any(|w| code.starts_with(w));
    let ends = |words: &[&str]| words.iter().any(|w| code.ends_with(w));
    if starts(&["Throttl", "TooManyRequests", "RequestThrottled"]) {
        Some(ErrorClass::Throttled)
    } else if starts(&[
        "AccessDenied",
        "AuthorizationError",
        "NotAuthorized",
        "Forbidden",
    ]) {
        Some(ErrorClass::Denied)
    } else if ends(&[".Duplicate", "AlreadyExists", "AlreadyExistsException"])
        || starts(&["AlreadyExists", "EntityAlreadyExists"])
    {
        Some(ErrorClass::Already)
    } else if starts(&["NoSuch"])
        || ends(&[
            ".NotFound",
            "NotFound",
            "NotFoundException",
            "NotFoundFault",
            "DoesNotExist",
        ])
    {
        Some(ErrorClass::Missing)
    } else if starts(&["ConcurrentModification", "ConcurrentAccess"]) {
        Some(ErrorClass::Conflict)
    } else if starts(&[
        "Invalid",
        "Malformed",
        "Missing",
        "Unsupported",
        "Validation",
        "Unmodifiable",
    ]) || ends(&[
        ".Malformed",
        "LimitExceeded",
        "LengthExceeded",
        "NotSupported",
        "NotAllowed",
    ]) {
        Some(ErrorClass::Invalid)
    } else {
        None
    }
}

fn by_status(status: Option<u16>) -> ErrorClass {
    match status {
        Some(429) => ErrorClass::Throttled,
        Some(401 | 403) => ErrorClass::Denied,
        Some(404) => ErrorClass::Missing,
        Some(409 | 412) => ErrorClass::Conflict,
        // No answer, or none that can be read: what was sent may have been done.
        None | Some(200..=299 | 408 | 500..=599) => ErrorClass::Transient,
        Some(_) => ErrorClass::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ErrorClass::{Already, Conflict, Denied, Invalid, Missing, Throttled, Transient, Unknown};

    #[test]
    fn codes_have_their_class() {
        for (code, status, class) in [
            ("Throttling", 400, Throttled),
            ("ThrottlingException", 400, Throttled),
            ("ThrottledException", 400, Throttled),
            ("RequestLimitExceeded", 503, Throttled),
            ("TooManyRequestsException", 429, Throttled),
            ("RequestThrottledException", 400, Throttled),
            ("ProvisionedThroughputExceededException", 400, Throttled),
            ("SlowDown", 503, Throttled),
            ("UnauthorizedOperation", 403, Denied),
            ("Client.UnauthorizedOperation", 403, Denied),
            ("AccessDenied", 403, Denied),
            ("AccessDeniedException", 400, Denied),
            ("AuthFailure", 401, Denied),
            ("AuthorizationErrorException", 403, Denied),
            ("InvalidClientTokenId", 403, Denied),
            ("InvalidGroup.NotFound", 400, Missing),
            ("InvalidSecurityGroupRuleId.NotFound", 400, Missing),
            ("InvalidPermission.NotFound", 400, Missing),
            ("NoSuchBucket", 404, Missing),
            ("NoSuchEntity", 404, Missing),
            ("TrailNotFoundException", 400, Missing),
            ("ResourceNotFoundException", 400, Missing),
            ("com.amazonaws.ssm#ParameterNotFound", 400, Missing),
            ("InvalidPermission.Duplicate", 400, Already),
            ("EntityAlreadyExists", 409, Already),
            ("BucketAlreadyExists", 409, Already),
            ("ResourceAlreadyExistsException", 400, Already),
            ("OperationAborted", 409, Conflict),
            ("ConcurrentModification", 409, Conflict),
            ("ConcurrentModificationException", 400, Conflict),
            ("PreconditionFailed", 412, Conflict),
            ("InternalError", 500, Transient),
            ("ServiceUnavailable", 503, Transient),
            ("ExpiredTokenException", 400, Transient),
            ("InvalidParameterValue", 400, Invalid),
            ("MalformedPolicyDocument", 400, Invalid),
            ("LimitExceeded", 400, Invalid),
            ("InvalidGroupId.Malformed", 400, Invalid),
            ("MissingParameter", 400, Invalid),
            ("ValidationError", 400, Invalid),
            ("UnsupportedOperation", 400, Invalid),
            ("RulesPerSecurityGroupLimitExceeded", 400, Invalid),
            ("PolicyNotAttachable", 400, Invalid),
            ("MethodNotAllowed", 405, Invalid),
        ] {
            assert_eq!(class_of(code, Some(status)), class, "{code}");
        }
    }

    #[test]
    fn where_the_code_says_nothing_the_status_does() {
        for (status, class) in [
            (Some(400), Unknown),
            (Some(403), Denied),
            (Some(404), Missing),
            (Some(429), Throttled),
            (Some(500), Transient),
            (Some(503), Transient),
            // It was done, as far as one can tell, and the body is not its answer.
            (Some(200), Transient),
            (None, Transient),
        ] {
            assert_eq!(class_of("Unheard", status), class, "{status:?}");
            assert_eq!(class_of("", status), class, "{status:?}");
        }
    }
}
