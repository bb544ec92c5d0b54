# A Kinesis stream of subscriptions' documents: central logging over accounts and regions, or a log
# group whose subscription filters are taken.

resource "aws_lambda_event_source_mapping" "stream" {
  count = var.kinesis_stream_arn != "" ? 1 : 0

  event_source_arn        = var.kinesis_stream_arn
  function_name           = aws_lambda_function.resend.arn
  starting_position       = "TRIM_HORIZON"
  function_response_types = ["ReportBatchItemFailures"]

  # CloudWatch Logs writes documents of up to a megabyte, and an invocation takes six in base64. Lambda
  # fills batches by size as well.
  batch_size = 100

  # A shard waits for the record that fails, and so the bounds are for one that never succeeds. Where the
  # Node does not answer, a try takes ten seconds or more, so that an outage of nearly three hours is waited
  # out. A corrupt record fails at once, and is given up after as many tries at Lambda's pace.
  maximum_retry_attempts        = 1000
  maximum_record_age_in_seconds = var.lambda_maximum_event_age
  # A failed batch is split, so that it fails alone as far as can be; that does not count as a try.
  bisect_batch_on_function_error = true

  destination_config {
    on_failure {
      destination_arn = local.on_failure_arn
    }
  }

  depends_on = [aws_iam_role_policy.lambda]
}
