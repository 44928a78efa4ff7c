// What other accounts and clusters need to let the function in, as infra/terraform/modules/member-account-role and eks-access.

import { CfnResource, Fn, Stack } from "aws-cdk-lib";
import * as eks from "aws-cdk-lib/aws-eks";
import * as iam from "aws-cdk-lib/aws-iam";
import { Construct } from "constructs";
import { Mode, Tag, policy, protection, shared } from "./settings";

/** For an account whose images are cleaned. */
export interface MemberRegistry {
  readonly regions: string[];
  /** The function's. Default: plan. */
  readonly mode?: Mode;
  /** Whether the configuration has `archive.delete_after`. Default: false. */
  readonly deletesArchived?: boolean;
  /** Whether the configuration has `policy_tag` or `repository_tags`. Default: false. */
  readonly readsTags?: boolean;
}

export interface MemberAccountRoleProps {
  /** The function's role, in its own account; for functions in several Regions, with * for any characters. */
  readonly functionRoleArn: string;
  /** What the function has to say to be let in: `external_id` of its configuration. */
  readonly externalId: string;
  /** The organization that the function's account has to be in. Default: any. */
  readonly organizationId?: string;
  /** Default: ecr-cleanup-reader. */
  readonly name?: string;
  /** Default: /. */
  readonly path?: string;
  /** Default: none. */
  readonly permissionsBoundaryArn?: string;
  /** The names of the sources of use that are on in the function's configuration. Default: every one. */
  readonly sources?: string[];
  /** Default: none; the role only reads what is in use. */
  readonly registry?: MemberRegistry;
  /** Whether the function lists the accounts of the organization with this role: `list_role_arn` of `in_use.organization`. Default: false. */
  readonly listsAccounts?: boolean;
  /** Whether the function reads what AWS Config has recorded of task definitions: `config_recorder: auto` of `in_use.ecs`. Default: false. */
  readonly readsRecordedTaskDefinitions?: boolean;
  /** Names of the repositories here that the role may delete or archive in, with * for any characters. Default: all. */
  readonly cleanableRepositories?: string[];
  /** A repository with this tag is never written to. Default: `ecr-cleanup = protect`. */
  readonly protectTag?: Tag;
  /** Whether there is such a tag. Default: true. */
  readonly protectByTag?: boolean;
  /** Whether the role is excluded from the pull times of ECR in this account and Region: for an account whose images are cleaned by rules
   * that have `pulled_within`. Default: false. */
  readonly excludeFromPullTimes?: boolean;
}

/** A role in another account, with which the function reads what is in use there and, where that is asked for, cleans its registry. */
export class MemberAccountRole extends Construct {
  readonly role: iam.Role;

  constructor(scope: Construct, id: string, props: MemberAccountRoleProps) {
    super(scope, id);
    const { partition, region, account } = Stack.of(this);
    const { registry } = props;
    const permissions = shared("permissions.json");
    const switched: string[] = permissions.on_unless_false;
    const sources = props.sources ?? [...switched, ...Object.keys(permissions.services)];
    const document = {
      mode: registry?.mode ?? "plan",
      registries: (registry?.regions ?? []).map((region) => ({ region })),
      in_use: {
        ...Object.fromEntries(switched.map((name) => [name, sources.includes(name)])),
        ...(props.readsRecordedTaskDefinitions && sources.includes("ecs") && { ecs: { config_recorder: "auto" } }),
        services: sources.filter((name) => !switched.includes(name)),
        ...(props.listsAccounts && { organization: {} }),
        // Those of the function's own account alone are found.
        regions: "own",
      },
      ...(registry?.readsTags && { policy_tag: "set" }),
      ...(registry?.deletesArchived && { archive: { delete_after: "set" } }),
    };
    const owner = Fn.select(4, Fn.split(":", props.functionRoleArn));
    const boundary = props.permissionsBoundaryArn;
    this.role = new iam.Role(this, "Role", {
      roleName: props.name ?? "ecr-cleanup-reader",
      path: props.path ?? "/",
      permissionsBoundary: boundary ? iam.ManagedPolicy.fromManagedPolicyArn(this, "Boundary", boundary) : undefined,
      // By condition rather than as principal: a role that is created anew under the same name is let in again.
      assumedBy: new iam.PrincipalWithConditions(new iam.AccountPrincipal(owner), {
        ArnEquals: { "aws:PrincipalArn": props.functionRoleArn },
        StringEquals: { "sts:ExternalId": props.externalId, ...(props.organizationId && { "aws:PrincipalOrgID": props.organizationId }) },
      }),
      inlinePolicies: {
        function: iam.PolicyDocument.fromJson(
          policy({ partition, region, account }, {
            document,
            inVpc: false,
            cleanableRepositories: props.cleanableRepositories ?? ["*"],
            protectTag: protection(props),
          }),
        ),
      },
    });
    if (props.excludeFromPullTimes) {
      new CfnResource(this, "PullTimeUpdateExclusion", {
        type: "AWS::ECR::PullTimeUpdateExclusion",
        properties: { PrincipalArn: this.role.roleArn },
      });
    }
  }
}

export interface EksAccessProps {
  /** Names of clusters in this account and Region whose authentication mode is `API` or `API_AND_CONFIG_MAP`. */
  readonly clusters: string[];
  /** The function's role, or a member account's. */
  readonly roleArn: string;
  /** The Kubernetes group that the ClusterRole of infra/kubernetes is bound to. Default: ecr-cleanup:readers. */
  readonly group?: string;
}

/** Lets a role list workloads in clusters, which bind the group to the read-only ClusterRole of infra/kubernetes. */
export class EksAccess extends Construct {
  constructor(scope: Construct, id: string, props: EksAccessProps) {
    super(scope, id);
    for (const clusterName of props.clusters) {
      new eks.CfnAccessEntry(this, clusterName, {
        clusterName,
        principalArn: props.roleArn,
        kubernetesGroups: [props.group ?? "ecr-cleanup:readers"],
        type: "STANDARD",
      });
    }
  }
}
