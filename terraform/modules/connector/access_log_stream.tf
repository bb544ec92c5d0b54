# A Firehose stream that a REST API's stage writes its access log to, in place of CloudWatch Logs. The function is
# the stream's data transformation: it forwards each line, and the stream stores what is left in a bucket.

locals {
  # API Gateway writes only to streams whose names begin like this.
  access_log_stream        = "amazon-apigateway-${local.name}"
  access_log_stream_group  = "/aws/kinesisfirehose/${local.access_log_stream}"
  access_log_stream_bucket = "${local.name}-access-log"
  access_log_stream_errors = "errors"

  access_log_stream_parameters = {
    # Without a version, Firehose adds this one, which would be a change in each plan.
    LambdaArn = "${aws_lambda_function.resend.arn}:$LATEST"
    # Only for an invocation that was throttled, or took too long. After the last one, the lines are stored as
    # failed.
    NumberOfRetries         = "20"
    BufferSizeInMBs         = tostring(var.access_log_stream_buffer_mb)
    BufferIntervalInSeconds = tostring(var.access_log_stream_buffer_seconds)
  }

  # The provider sends these by itself, and leaves them out when it reads the stream: if one were set here, it would be
  # a change in each plan.
  access_log_stream_defaults = { BufferSizeInMBs = "1", BufferIntervalInSeconds = "60" }
}

resource "aws_kinesis_firehose_delivery_stream" "access_log" {
  count = var.enable_access_log_stream ? 1 : 0

  name        = local.access_log_stream
  destination = "extended_s3"

  # Firehose keeps lines for at most a day, with a key of its own.
  server_side_encryption {
    enabled = true
  }

  extended_s3_configuration {
    role_arn            = local.access_log_stream_role_arn
    bucket_arn          = aws_s3_bucket.access_log[0].arn
    prefix              = "lines/!{timestamp:yyyy/MM/dd/HH}/"
    error_output_prefix = "failed/!{firehose:error-output-type}/!{timestamp:yyyy/MM/dd/HH}/"
    compression_format  = "GZIP"
    buffering_size      = 64
    buffering_interval  = 300

    cloudwatch_logging_options {
      enabled         = true
      log_group_name  = aws_cloudwatch_log_group.access_log_stream[0].name
      log_stream_name = aws_cloudwatch_log_stream.access_log_stream[0].name
    }

    processing_configuration {
      enabled = true

      processors {
        type = "Lambda"

        dynamic "parameters" {
          for_each = { for name, value in local.access_log_stream_parameters : name => value if value != lookup(local.access_log_stream_defaults, name, null) }

          content {
            parameter_name  = parameters.key
            parameter_value = parameters.value
          }
        }
      }
    }
  }

  tags = local.tags

  # Lines that come before the bucket is private and encrypted, or before the role may do its work, are not kept.
  depends_on = [
    aws_iam_role_policy.access_log_stream,
    aws_s3_bucket_policy.access_log,
    aws_s3_bucket_public_access_block.access_log,
    aws_s3_bucket_server_side_encryption_configuration.access_log,
  ]
}

resource "aws_cloudwatch_log_group" "access_log_stream" {
  count = var.enable_access_log_stream ? 1 : 0

  name              = local.access_log_stream_group
  retention_in_days = var.log_retention_days
  kms_key_id        = local.keys.logs

  tags = local.tags
}

resource "aws_cloudwatch_log_stream" "access_log_stream" {
  count = var.enable_access_log_stream ? 1 : 0

  name           = local.access_log_stream_errors
  log_group_name = aws_cloudwatch_log_group.access_log_stream[0].name
}

################################################################################
# The role of the stream
################################################################################

data "aws_iam_policy_document" "assume_firehose" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["firehose.amazonaws.com"]
    }
  }
}

resource "aws_iam_role" "access_log_stream" {
  count = local.create_role.access_log_stream ? 1 : 0

  name                 = "${local.name}-firehose"
  description          = "The stream that passes access-log lines to the function"
  assume_role_policy   = data.aws_iam_policy_document.assume_firehose.json
  path                 = var.iam_role_path
  permissions_boundary = local.permissions_boundary

  tags = local.tags
}

data "aws_iam_policy_document" "access_log_stream" {
  count = var.enable_access_log_stream ? 1 : 0

  statement {
    sid       = "Transform"
    actions   = ["lambda:GetFunctionConfiguration", "lambda:InvokeFunction"]
    resources = [local.function_arn, "${local.function_arn}:$LATEST"]
  }

  statement {
    sid       = "Bucket"
    actions   = ["s3:GetBucketLocation", "s3:ListBucket", "s3:ListBucketMultipartUploads"]
    resources = [local.access_log_stream_bucket_arn]
  }

  statement {
    sid       = "Objects"
    actions   = ["s3:AbortMultipartUpload", "s3:GetObject", "s3:PutObject"]
    resources = ["${local.access_log_stream_bucket_arn}/*"]
  }

  dynamic "statement" {
    for_each = local.keys.bucket != null ? [local.keys.bucket] : []

    content {
      sid       = "ObjectsKey"
      actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
      resources = [statement.value]

      condition {
        test     = "StringEquals"
        variable = "kms:ViaService"
        values   = local.via_service["s3"]
      }
    }
  }

  statement {
    sid       = "Log"
    actions   = ["logs:PutLogEvents"]
    resources = ["${local.log_group_arn_prefix}${local.access_log_stream_group}:log-stream:${local.access_log_stream_errors}"]
  }
}

resource "aws_iam_role_policy" "access_log_stream" {
  count = local.create_role.access_log_stream ? 1 : 0

  name   = "stream"
  role   = aws_iam_role.access_log_stream[0].id
  policy = data.aws_iam_policy_document.access_log_stream[0].json
}

################################################################################
# The bucket: lines that were not forwarded, and all others unless firehose_result is "dropped"
################################################################################

resource "aws_s3_bucket" "access_log" {
  count = var.enable_access_log_stream ? 1 : 0

  bucket        = local.access_log_stream_bucket
  force_destroy = var.access_log_stream_force_destroy

  tags = local.tags
}

resource "aws_s3_bucket_public_access_block" "access_log" {
  count = var.enable_access_log_stream ? 1 : 0

  bucket                  = aws_s3_bucket.access_log[0].id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_server_side_encryption_configuration" "access_log" {
  count = var.enable_access_log_stream ? 1 : 0

  bucket = aws_s3_bucket.access_log[0].id

  rule {
    # With a bucket key, S3 asks KMS once for many objects.
    bucket_key_enabled = local.keys.bucket != null

    apply_server_side_encryption_by_default {
      sse_algorithm     = local.keys.bucket != null ? "aws:kms" : "AES256"
      kms_master_key_id = local.keys.bucket
    }
  }
}

resource "aws_s3_bucket_lifecycle_configuration" "access_log" {
  count = var.enable_access_log_stream ? 1 : 0

  bucket = aws_s3_bucket.access_log[0].id

  rule {
    id     = "expire"
    status = "Enabled"

    filter {}

    expiration {
      days = var.log_retention_days
    }

    abort_incomplete_multipart_upload {
      days_after_initiation = 7
    }
  }
}

data "aws_iam_policy_document" "access_log_bucket" {
  count = var.enable_access_log_stream ? 1 : 0

  statement {
    sid       = "OnlyTLS"
    effect    = "Deny"
    actions   = ["s3:*"]
    resources = [aws_s3_bucket.access_log[0].arn, "${aws_s3_bucket.access_log[0].arn}/*"]

    principals {
      type        = "*"
      identifiers = ["*"]
    }

    condition {
      test     = "Bool"
      variable = "aws:SecureTransport"
      values   = ["false"]
    }
  }
}

resource "aws_s3_bucket_policy" "access_log" {
  count = var.enable_access_log_stream ? 1 : 0

  bucket = aws_s3_bucket.access_log[0].id
  policy = data.aws_iam_policy_document.access_log_bucket[0].json

  # S3 accepts one change of a bucket's access at a time.
  depends_on = [aws_s3_bucket_public_access_block.access_log]
}

################################################################################
# The alarm on lines that the function did not return as forwarded
################################################################################

# A minute lies between a line and its result, so the two counts of a short time differ by some lines in any case.
resource "aws_cloudwatch_metric_alarm" "access_log_stream_failed" {
  count = var.enable_access_log_stream ? 1 : 0

  alarm_name          = "${local.name}-access-log-stream-failed"
  alarm_description   = "More than a tenth of the access-log stream's lines have failed for a quarter of an hour: they are in the bucket, below failed/."
  comparison_operator = "GreaterThanThreshold"
  threshold           = 10
  evaluation_periods  = 3
  treat_missing_data  = "notBreaching"
  alarm_actions       = local.alarm_actions
  ok_actions          = local.alarm_actions

  metric_query {
    id          = "failed"
    label       = "Failed lines, %"
    expression  = "100 * (incoming - FILL(succeeded, 0)) / incoming"
    return_data = true
  }

  dynamic "metric_query" {
    for_each = { incoming = "IncomingRecords", succeeded = "SucceedProcessing.Records" }

    content {
      id = metric_query.key

      metric {
        namespace   = "AWS/Firehose"
        metric_name = metric_query.value
        dimensions  = local.access_log_stream_dimensions
        stat        = "Sum"
        period      = 300
      }
    }
  }

  tags = local.tags
}
