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

  # While the Node is away, a shard waits: nothing is given up before the stream itself forgets it. What
  # no try can mend does not fail, so that it holds up nothing; a batch that ends the function is halved.
  maximum_retry_attempts         = -1
  maximum_record_age_in_seconds  = -1
  bisect_batch_on_function_error = true

  depends_on = [aws_iam_role_policy.lambda]
}
