# Values of runs that are too large for an item of the table.

locals {
  bucket = one(aws_s3_bucket.values[*].id)
}

resource "aws_s3_bucket" "values" {
  #checkov:skip=CKV_AWS_18:The function alone reads and writes it, and its logs say what of
  #checkov:skip=CKV_AWS_144:Runs live in one region, and so do their values
  #checkov:skip=CKV_AWS_145:S3 encrypts with a key of its own; kms_key_arn takes another
  #checkov:skip=CKV2_AWS_62:Nobody waits for a value: the run that wrote it reads it
  count = var.large_values ? 1 : 0

  bucket        = "${var.name}-values-${local.account}-${local.region}"
  force_destroy = !var.deletion_protection
  tags          = var.tags
}

resource "aws_s3_bucket_public_access_block" "values" {
  count = var.large_values ? 1 : 0

  bucket                  = local.bucket
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_server_side_encryption_configuration" "values" {
  count = var.large_values ? 1 : 0

  bucket = local.bucket

  rule {
    bucket_key_enabled = true

    apply_server_side_encryption_by_default {
      sse_algorithm     = var.kms_key_arn == null ? "AES256" : "aws:kms"
      kms_master_key_id = var.kms_key_arn
    }
  }
}

resource "aws_s3_bucket_versioning" "values" {
  count = var.large_values ? 1 : 0

  bucket = local.bucket

  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_lifecycle_configuration" "values" {
  count = var.large_values ? 1 : 0

  bucket = local.bucket

  rule {
    id     = "what is deleted can be had back for two weeks"
    status = "Enabled"

    filter {}

    abort_incomplete_multipart_upload {
      days_after_initiation = 1
    }

    noncurrent_version_expiration {
      noncurrent_days = 14
    }
  }

  depends_on = [aws_s3_bucket_versioning.values]
}

resource "aws_s3_bucket_policy" "values" {
  count = var.large_values ? 1 : 0

  bucket = local.bucket

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "EncryptedConnectionsOnly"
      Effect    = "Deny"
      Principal = "*"
      Action    = "s3:*"
      Resource  = [aws_s3_bucket.values[0].arn, "${aws_s3_bucket.values[0].arn}/*"]
      Condition = { Bool = { "aws:SecureTransport" = "false" } }
    }]
  })
}
