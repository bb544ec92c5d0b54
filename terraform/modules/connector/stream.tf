# A Kinesis stream of subscriptions' documents: central logging of several accounts and regions, or a log
# group whose subscription filters are all in use.

resource "aws_lambda_event_source_mapping" "stream" {
  count = var.kinesis_stream_arn != "" ? 1 : 0

  event_source_arn        = var.kinesis_stream_arn
  function_name           = aws_lambda_function.resend.arn
  starting_position       = "TRIM_HORIZON"
  function_response_types = ["ReportBatchItemFailures"]

  # CloudWatch Logs writes documents of up to a megabyte, and an invocation accepts six megabytes in base64.
  # Lambda fills batches by size as well.
  batch_size                         = 100
  maximum_batching_window_in_seconds = var.kinesis_batching_window_seconds
  # The function keeps no order among calls, and the Node pairs a call with its response by their id.
  parallelization_factor = var.kinesis_parallelization_factor

  # A shard waits for the record that fails, so these bounds are for a record that never succeeds. If the Node
  # does not respond, an attempt takes ten seconds or more, so the shard waits through an outage of nearly
  # three hours. A corrupt record fails at once, and is given up after as many attempts at Lambda's pace.
  maximum_retry_attempts        = 1000
  maximum_record_age_in_seconds = var.lambda_maximum_event_age
  # Lambda splits a failed batch, so a failing record fails alone if possible. The split does not count as an
  # attempt.
  bisect_batch_on_function_error = true

  destination_config {
    on_failure {
      destination_arn = local.on_failure_arn
    }
  }

  tags = local.tags

  depends_on = [aws_iam_role_policy.lambda]
}
