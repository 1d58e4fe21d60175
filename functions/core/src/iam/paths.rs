//! Published ways from some rights to all of them.
//! Sources: Rhino Security Labs, "AWS IAM Privilege Escalation – Methods and Mitigation"; `DataDog`,
//! pathfinding.cloud; Prowler's `check_privilege_escalation`.

use serde::Serialize;

/// What a way needs besides the rights themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Tier {
    /// Nothing: one gives oneself what one wants.
    Own,
    /// Another user or role that may more.
    OtherPrincipal,
    /// A role that may more, and that a service can be given.
    NewService,
    /// Something that runs already, with more rights.
    Target,
    /// What holds somebody back, and can be taken away.
    Guardrail,
}

/// One way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Path {
    pub(super) tier: Tier,
    /// All of them are needed.
    pub(super) actions: &'static [&'static str],
}

const fn own(actions: &'static [&'static str]) -> Path {
    Path {
        tier: Tier::Own,
        actions,
    }
}

const fn other(actions: &'static [&'static str]) -> Path {
    Path {
        tier: Tier::OtherPrincipal,
        actions,
    }
}

const fn service(actions: &'static [&'static str]) -> Path {
    Path {
        tier: Tier::NewService,
        actions,
    }
}

const fn target(actions: &'static [&'static str]) -> Path {
    Path {
        tier: Tier::Target,
        actions,
    }
}

const fn guardrail(actions: &'static [&'static str]) -> Path {
    Path {
        tier: Tier::Guardrail,
        actions,
    }
}

/// The ways, the surest first.
pub(super) const PATHS: &[Path] = &[
    own(&["iam:CreatePolicyVersion"]),
    own(&["iam:SetDefaultPolicyVersion"]),
    own(&["iam:AttachUserPolicy"]),
    own(&["iam:AttachGroupPolicy"]),
    own(&["iam:AttachRolePolicy"]),
    own(&["iam:PutUserPolicy"]),
    own(&["iam:PutGroupPolicy"]),
    own(&["iam:PutRolePolicy"]),
    own(&["iam:AddUserToGroup"]),
    other(&["iam:CreateAccessKey"]),
    other(&["iam:CreateLoginProfile"]),
    other(&["iam:UpdateLoginProfile"]),
    other(&["iam:UpdateAssumeRolePolicy"]),
    service(&["iam:PassRole", "ec2:RunInstances"]),
    service(&["iam:PassRole", "ec2:RequestSpotInstances"]),
    service(&["iam:PassRole", "ec2:RequestSpotFleet"]),
    service(&["iam:PassRole", "ec2:AssociateIamInstanceProfile"]),
    service(&["iam:PassRole", "ec2:ReplaceIamInstanceProfileAssociation"]),
    service(&[
        "iam:PassRole",
        "autoscaling:CreateLaunchConfiguration",
        "autoscaling:CreateAutoScalingGroup",
    ]),
    service(&[
        "iam:PassRole",
        "lambda:CreateFunction",
        "lambda:InvokeFunction",
    ]),
    service(&[
        "iam:PassRole",
        "lambda:CreateFunction",
        "lambda:CreateEventSourceMapping",
    ]),
    service(&[
        "iam:PassRole",
        "lambda:CreateFunction",
        "lambda:AddPermission",
    ]),
    service(&[
        "iam:PassRole",
        "lambda:CreateFunction",
        "lambda:CreateFunctionUrlConfig",
    ]),
    service(&["iam:PassRole", "cloudformation:CreateStack"]),
    service(&[
        "iam:PassRole",
        "cloudformation:CreateStackSet",
        "cloudformation:CreateStackInstances",
    ]),
    service(&["iam:PassRole", "cloudformation:UpdateStackSet"]),
    service(&["iam:PassRole", "glue:CreateDevEndpoint"]),
    service(&["iam:PassRole", "glue:CreateJob", "glue:StartJobRun"]),
    service(&["iam:PassRole", "glue:CreateJob", "glue:CreateTrigger"]),
    service(&["iam:PassRole", "glue:UpdateJob", "glue:StartJobRun"]),
    service(&["iam:PassRole", "glue:UpdateJob", "glue:CreateTrigger"]),
    service(&["iam:PassRole", "glue:CreateSession", "glue:RunStatement"]),
    service(&[
        "iam:PassRole",
        "codebuild:CreateProject",
        "codebuild:StartBuild",
    ]),
    service(&[
        "iam:PassRole",
        "codebuild:CreateProject",
        "codebuild:StartBuildBatch",
    ]),
    service(&[
        "iam:PassRole",
        "datapipeline:CreatePipeline",
        "datapipeline:PutPipelineDefinition",
        "datapipeline:ActivatePipeline",
    ]),
    service(&["iam:PassRole", "datapipeline:CreatePipeline"]),
    service(&["iam:PassRole", "sagemaker:CreateNotebookInstance"]),
    service(&["iam:PassRole", "sagemaker:CreateTrainingJob"]),
    service(&["iam:PassRole", "sagemaker:CreateProcessingJob"]),
    service(&["iam:PassRole", "sagemaker:CreateHyperParameterTuningJob"]),
    service(&[
        "iam:PassRole",
        "sagemaker:CreateModel",
        "sagemaker:CreateEndpoint",
    ]),
    service(&["iam:PassRole", "ecs:RegisterTaskDefinition", "ecs:RunTask"]),
    service(&[
        "iam:PassRole",
        "ecs:RegisterTaskDefinition",
        "ecs:StartTask",
    ]),
    service(&[
        "iam:PassRole",
        "ecs:RegisterTaskDefinition",
        "ecs:CreateService",
    ]),
    service(&[
        "iam:PassRole",
        "ecs:RegisterTaskDefinition",
        "ecs:UpdateService",
    ]),
    service(&["iam:PassRole", "ecs:RunTask"]),
    service(&["iam:PassRole", "ecs:StartTask"]),
    service(&["iam:PassRole", "apprunner:CreateService"]),
    service(&[
        "iam:PassRole",
        "batch:RegisterJobDefinition",
        "batch:SubmitJob",
    ]),
    service(&["iam:PassRole", "braket:CreateJob"]),
    service(&[
        "iam:PassRole",
        "bedrock-agentcore:CreateCodeInterpreter",
        "bedrock-agentcore:StartCodeInterpreterSession",
        "bedrock-agentcore:InvokeCodeInterpreter",
    ]),
    service(&[
        "iam:PassRole",
        "bedrock-agentcore:CreateAgentRuntime",
        "bedrock-agentcore:InvokeAgentRuntimeCommand",
    ]),
    service(&[
        "iam:PassRole",
        "bedrock-agentcore:CreateAgentRuntime",
        "bedrock-agentcore:InvokeAgentRuntime",
    ]),
    service(&[
        "iam:PassRole",
        "bedrock-agentcore:CreateBrowser",
        "bedrock-agentcore:StartBrowserSession",
        "bedrock-agentcore:ConnectBrowserAutomationStream",
    ]),
    service(&["iam:PassRole", "cognito-identity:SetIdentityPoolRoles"]),
    service(&["iam:PassRole", "elasticmapreduce:RunJobFlow"]),
    service(&[
        "iam:PassRole",
        "emr-serverless:CreateApplication",
        "emr-serverless:StartJobRun",
    ]),
    service(&["iam:PassRole", "emr-serverless:StartJobRun"]),
    service(&["iam:PassRole", "emr-containers:StartJobRun"]),
    service(&[
        "iam:PassRole",
        "gamelift:CreateBuild",
        "gamelift:CreateFleet",
    ]),
    service(&[
        "iam:PassRole",
        "imagebuilder:CreateInfrastructureConfiguration",
        "imagebuilder:CreateImage",
    ]),
    service(&[
        "iam:PassRole",
        "kinesisanalytics:CreateApplication",
        "kinesisanalytics:StartApplication",
    ]),
    service(&["iam:PassRole", "omics:CreateWorkflow", "omics:StartRun"]),
    service(&["iam:PassRole", "scheduler:CreateSchedule"]),
    service(&["iam:PassRole", "events:PutRule", "events:PutTargets"]),
    service(&["iam:PassRole", "pipes:CreatePipe"]),
    service(&[
        "iam:PassRole",
        "ssm:CreateDocument",
        "ssm:StartAutomationExecution",
    ]),
    service(&["iam:PassRole", "ssm:StartAutomationExecution"]),
    service(&[
        "iam:PassRole",
        "states:CreateStateMachine",
        "states:StartExecution",
    ]),
    service(&[
        "iam:PassRole",
        "states:UpdateStateMachine",
        "states:StartExecution",
    ]),
    service(&["iam:PassRole", "codestar:CreateProject"]),
    // CodeStar made the role itself, until it was closed in 2024.
    service(&["codestar:CreateProjectFromTemplate"]),
    service(&["codestar:CreateProject", "codestar:AssociateTeamMember"]),
    service(&["iam:PassRole", "codepipeline:CreatePipeline"]),
    service(&[
        "iam:PassRole",
        "amplify:CreateApp",
        "amplify:CreateDeployment",
    ]),
    service(&[
        "iam:PassRole",
        "transfer:CreateServer",
        "transfer:CreateUser",
    ]),
    target(&["lambda:UpdateFunctionCode"]),
    target(&["lambda:UpdateFunctionConfiguration"]),
    target(&["glue:UpdateDevEndpoint"]),
    target(&[
        "ec2:ModifyInstanceAttribute",
        "ec2:StopInstances",
        "ec2:StartInstances",
    ]),
    target(&[
        "ec2:CreateLaunchTemplateVersion",
        "ec2:ModifyLaunchTemplate",
    ]),
    target(&["ec2-instance-connect:SendSSHPublicKey"]),
    target(&["ec2-instance-connect:SendSerialConsoleSSHPublicKey"]),
    target(&["ssm:SendCommand"]),
    target(&["ssm:StartSession"]),
    target(&["codebuild:StartBuild"]),
    target(&["codebuild:StartBuildBatch"]),
    target(&["cloudformation:UpdateStack"]),
    target(&[
        "cloudformation:CreateChangeSet",
        "cloudformation:ExecuteChangeSet",
    ]),
    target(&[
        "cloudformation:SetStackPolicy",
        "cloudformation:UpdateStack",
    ]),
    target(&["apprunner:UpdateService"]),
    target(&["sagemaker:CreatePresignedNotebookInstanceUrl"]),
    target(&[
        "sagemaker:CreateNotebookInstanceLifecycleConfig",
        "sagemaker:StopNotebookInstance",
        "sagemaker:UpdateNotebookInstance",
        "sagemaker:StartNotebookInstance",
    ]),
    target(&[
        "bedrock-agentcore:StartCodeInterpreterSession",
        "bedrock-agentcore:InvokeCodeInterpreter",
    ]),
    target(&["bedrock-agentcore:InvokeAgentRuntimeCommand"]),
    target(&[
        "bedrock-agentcore:StartBrowserSession",
        "bedrock-agentcore:ConnectBrowserAutomationStream",
    ]),
    target(&["batch:SubmitJob"]),
    target(&[
        "codedeploy:CreateDeployment",
        "codedeploy:RegisterApplicationRevision",
    ]),
    target(&["ecs:ExecuteCommand"]),
    target(&["states:UpdateStateMachine", "states:StartExecution"]),
    target(&["sts:AssumeRole"]),
    guardrail(&["iam:DeleteUserPermissionsBoundary"]),
    guardrail(&["iam:DeleteRolePermissionsBoundary"]),
    guardrail(&["iam:PutUserPermissionsBoundary"]),
    guardrail(&["iam:PutRolePermissionsBoundary"]),
    guardrail(&["iam:DeleteUserPolicy"]),
    guardrail(&["iam:DeleteRolePolicy"]),
    guardrail(&["iam:DetachUserPolicy"]),
    guardrail(&["iam:DetachRolePolicy"]),
    guardrail(&["sso:AttachManagedPolicyToPermissionSet"]),
    guardrail(&["sso:AttachCustomerManagedPolicyReferenceToPermissionSet"]),
    guardrail(&["sso:PutInlinePolicyToPermissionSet"]),
    guardrail(&["sso:CreateAccountAssignment"]),
];
