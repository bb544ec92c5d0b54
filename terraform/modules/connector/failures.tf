# Events that the function could not forward in any of Lambda's attempts.

locals {
  failure_bucket_arn = "${local.arn_prefix}:s3:::${var.failure_bucket_name}"

  # The function and a stream have one on-failure destination each. A bucket accepts an event of any size, and
  # the records of a stream. The queue gets only the position of these records.
  on_failure_arn = var.failure_bucket_name != "" ? local.failure_bucket_arn : aws_sqs_queue.failed.arn
}

resource "aws_sqs_queue" "failed" {
  name                       = local.failure_queue_name
  sqs_managed_sse_enabled    = local.keys.queue == null ? true : null
  kms_master_key_id          = local.keys.queue
  message_retention_seconds  = 1209600
  max_message_size           = var.failure_queue_max_message_size
  visibility_timeout_seconds = 6 * var.lambda_timeout

  # With a timeout of a minute, an event is retried for ten hours before it counts as dead.
  redrive_policy = var.enable_redrive ? jsonencode({
    deadLetterTargetArn = aws_sqs_queue.dead[0].arn
    maxReceiveCount     = 100
  }) : null

  tags = local.tags
}

resource "aws_lambda_function_event_invoke_config" "resend" {
  function_name                = aws_lambda_function.resend.function_name
  maximum_event_age_in_seconds = var.lambda_maximum_event_age
  maximum_retry_attempts       = var.lambda_maximum_retry_attempts

  destination_config {
    on_failure {
      destination = local.on_failure_arn
    }
  }

  # Lambda checks that the function may write to the destination.
  depends_on = [aws_iam_role_policy.lambda]
}

################################################################################
# Redrive: the function retries failed events
################################################################################

resource "aws_sqs_queue" "dead" {
  count = var.enable_redrive ? 1 : 0

  name                      = "${local.name}-dead-events"
  sqs_managed_sse_enabled   = local.keys.queue == null ? true : null
  kms_master_key_id         = local.keys.queue
  message_retention_seconds = 1209600
  max_message_size          = var.failure_queue_max_message_size

  tags = local.tags
}

resource "aws_lambda_event_source_mapping" "redrive" {
  count = var.enable_redrive ? 1 : 0

  event_source_arn        = aws_sqs_queue.failed.arn
  function_name           = aws_lambda_function.resend.arn
  function_response_types = ["ReportBatchItemFailures"]
  # Five events of a megabyte still fit into one invocation.
  batch_size = 5

  # Old events must leave the Node time for new ones.
  scaling_config {
    maximum_concurrency = 2
  }

  tags = local.tags

  depends_on = [aws_iam_role_policy.lambda]
}
