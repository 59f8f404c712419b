data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

data "aws_region" "current" {}

locals {
  account   = data.aws_caller_identity.current.account_id
  partition = data.aws_partition.current.partition
  region    = data.aws_region.current.region

  # Made here, not read from the resources, which need the roles that name them.
  alias_arn   = "arn:${local.partition}:lambda:${local.region}:${local.account}:function:${var.name}:${local.alias}"
  wakeups_arn = "arn:${local.partition}:scheduler:${local.region}:${local.account}:schedule/${var.name}/flux-*"
  alias       = "live"
}
