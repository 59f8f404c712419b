resource "aws_dynamodb_table" "runs" {
  #checkov:skip=CKV_AWS_119:Encrypted with the key that AWS manages for DynamoDB; kms_key_arn takes another
  name                        = var.name
  billing_mode                = "PAY_PER_REQUEST"
  deletion_protection_enabled = var.deletion_protection
  tags                        = var.tags

  hash_key  = "id"
  range_key = "sk"

  dynamic "attribute" {
    for_each = { id = "S", sk = "S", due = "S", wake_at = "N", workflow_shard = "S", created_at = "N" }

    content {
      name = attribute.key
      type = attribute.value
    }
  }

  global_secondary_index {
    name            = "attention"
    hash_key        = "due"
    range_key       = "wake_at"
    projection_type = "KEYS_ONLY"
  }

  global_secondary_index {
    name            = "runs"
    hash_key        = "workflow_shard"
    range_key       = "created_at"
    projection_type = "KEYS_ONLY"
  }

  ttl {
    enabled        = true
    attribute_name = "expires_at"
  }

  point_in_time_recovery {
    enabled = true
  }

  server_side_encryption {
    enabled     = true
    kms_key_arn = var.kms_key_arn
  }
}
