# The alarms use metrics that AWS itself counts: the function's own metrics come from log lines, which may be
# lost. Only what AWS can't know comes from the function: whether lines were skipped, and which of a Firehose stream's
# were not forwarded; and from the Node: whether it takes what is sent to it.

locals {
  alarm_actions = var.alarm_sns_topic_arn != "" ? [var.alarm_sns_topic_arn] : []

  lambda_dimensions = { FunctionName = aws_lambda_function.resend.function_name }
  queue_dimensions  = { QueueName = aws_sqs_queue.failed.name }
  alb_dimensions    = { LoadBalancer = one(aws_lb.node[*].arn_suffix) }
  resend_dimensions = { functionName = local.function_name }
  target_dimensions = { LoadBalancer = one(aws_lb.node[*].arn_suffix), TargetGroup = one(aws_lb_target_group.node[*].arn_suffix) }

  service_dimensions = { ClusterName = one(aws_ecs_cluster.this[*].name), ServiceName = local.service_name }

  access_log_stream_dimensions = { DeliveryStreamName = local.access_log_stream }

  alarms = merge(
    {
      function-errors = {
        description = "The function fails events: the Node does not accept them, or a setting is wrong. Lambda retries them."
        namespace   = "AWS/Lambda", metric = "Errors", dimensions = local.lambda_dimensions
        statistic   = "Sum", comparison = "GreaterThanOrEqualToThreshold", threshold = 1
        period      = 300, periods = 2, missing = "notBreaching"
      }
      function-throttles = {
        description = "Lambda delays events: the function's concurrency is used up."
        namespace   = "AWS/Lambda", metric = "Throttles", dimensions = local.lambda_dimensions
        statistic   = "Sum", comparison = "GreaterThanOrEqualToThreshold", threshold = 1
        period      = 300, periods = 3, missing = "notBreaching"
      }
      events-dropped = {
        description = "Lambda could not write failed events to the queue or the bucket: they are lost. The lines are still in the API's log group."
        namespace   = "AWS/Lambda", metric = "DestinationDeliveryFailures", dimensions = local.lambda_dimensions
        statistic   = "Sum", comparison = "GreaterThanOrEqualToThreshold", threshold = 1
        period      = 300, periods = 1, missing = "notBreaching"
      }
      failed-events = {
        description = "Events could not be forwarded and wait in the failure queue."
        namespace   = "AWS/SQS", metric = "ApproximateNumberOfMessagesVisible", dimensions = local.queue_dimensions
        statistic   = "Maximum", comparison = "GreaterThanOrEqualToThreshold", threshold = 1
        period      = 300, periods = 1, missing = "notBreaching"
      }
      failed-events-age = {
        description = "Events have waited in the failure queue for a week; after two weeks they are deleted."
        namespace   = "AWS/SQS", metric = "ApproximateAgeOfOldestMessage", dimensions = local.queue_dimensions
        statistic   = "Maximum", comparison = "GreaterThanOrEqualToThreshold", threshold = 604800
        period      = 3600, periods = 1, missing = "notBreaching"
      }
    },
    { for name, alarm in {
      no-healthy-node = {
        description = "No Node responds to the load balancer's health check."
        namespace   = "AWS/ApplicationELB", metric = "HealthyHostCount", dimensions = local.target_dimensions
        statistic   = "Maximum", comparison = "LessThanThreshold", threshold = 1
        period      = 60, periods = 5, missing = "breaching"
      }
      node-5xx = {
        description = "The Node responds with 5xx."
        namespace   = "AWS/ApplicationELB", metric = "HTTPCode_Target_5XX_Count", dimensions = local.target_dimensions
        statistic   = "Sum", comparison = "GreaterThanOrEqualToThreshold", threshold = 10
        period      = 300, periods = 2, missing = "notBreaching"
      }
      alb-5xx = {
        description = "The load balancer itself responds with 5xx: there is no Node, or it responds too late."
        namespace   = "AWS/ApplicationELB", metric = "HTTPCode_ELB_5XX_Count", dimensions = local.alb_dimensions
        statistic   = "Sum", comparison = "GreaterThanOrEqualToThreshold", threshold = 10
        period      = 300, periods = 2, missing = "notBreaching"
      }
    } : name => alarm if local.has_load_balancer },
    # ECS counts the CPU of each task, and of none if there is none.
    { for name in local.own_node && !local.has_load_balancer ? ["no-running-node"] : [] : name => {
      description = "No Node runs. The events of the ECS service give the reason."
      namespace   = "AWS/ECS", metric = "CPUUtilization", dimensions = local.service_dimensions
      statistic   = "SampleCount", comparison = "LessThanThreshold", threshold = 1
      period      = 60, periods = 5, missing = "breaching"
    } },
    # The function sends this metric only where there are such groups. Three times within an hour are no odd event,
    # and a group with few lines reaches them too.
    { for name in ["log-groups-skipped"] : name => {
      description = "More than half of the lines of a log group, or of a Firehose stream, are skipped: its stage logs another format, or another program writes into it. The function's log names it, as mostlySkipped."
      namespace   = local.metric_namespace, metric = "logGroupsMostlySkipped", dimensions = local.resend_dimensions
      statistic   = "Maximum", comparison = "GreaterThanOrEqualToThreshold", threshold = 1
      period      = 300, periods = 12, datapoints = 3, missing = "notBreaching"
    } },
    # Of a tenth on it is no odd call that the Node can't read. Two minutes of the last fifteen are enough: with few calls,
    # most minutes have none, and Lambda repeats a failed event after one minute and after two.
    { for name in local.has_node_metrics ? ["node-rejects-messages"] : [] : name => {
      description = "The Node rejects a tenth or more of the messages that it gets, or fails to read them. Its log group names the reasons, as rejected and errors."
      namespace   = local.node_metric_namespace, metric = "NotTakenPercent", dimensions = local.node_metric_dimensions
      statistic   = "Maximum", comparison = "GreaterThanOrEqualToThreshold", threshold = 10
      period      = 60, periods = 15, datapoints = 2, missing = "notBreaching"
    } },
    # Without them, the alarm above sees nothing.
    { for name in local.has_node_metrics ? ["node-metrics-missing"] : [] : name => {
      description = "There have been no metrics of the Node for a quarter of an hour: no Node runs, or its metrics can't be read, or CloudWatch makes none of the lines in its log group."
      namespace   = local.node_metric_namespace, metric = "MessagesSeen", dimensions = local.node_metric_dimensions
      statistic   = "SampleCount", comparison = "LessThanThreshold", threshold = 1
      period      = 300, periods = 3, missing = "breaching"
    } },
    # A message that fails repeatedly is hidden nearly all of the time: `failed-events` misses it.
    { for name in var.enable_redrive ? ["failed-events-in-flight"] : [] : name => {
      description = "The function has been retrying failed events for half an hour: there are many, or some fail each time."
      namespace   = "AWS/SQS", metric = "ApproximateNumberOfMessagesNotVisible", dimensions = local.queue_dimensions
      statistic   = "Maximum", comparison = "GreaterThanOrEqualToThreshold", threshold = 1
      period      = 300, periods = 6, missing = "notBreaching"
    } },
    { for name in var.enable_redrive ? ["dead-events"] : [] : name => {
      description = "Events failed repeatedly, and wait in the queue of dead events."
      namespace   = "AWS/SQS", metric = "ApproximateNumberOfMessagesVisible", dimensions = { QueueName = aws_sqs_queue.dead[0].name }
      statistic   = "Maximum", comparison = "GreaterThanOrEqualToThreshold", threshold = 1
      period      = 300, periods = 1, missing = "notBreaching"
    } },
    { for name in var.failure_bucket_name != "" ? ["failed-events-in-bucket"] : [] : name => {
      description = "Events could not be forwarded, and are in the bucket for failed events."
      namespace   = "AWS/Lambda", metric = "AsyncEventsDropped", dimensions = local.lambda_dimensions
      statistic   = "Sum", comparison = "GreaterThanOrEqualToThreshold", threshold = 1
      period      = 300, periods = 1, missing = "notBreaching"
    } },
    { for name in var.kinesis_stream_arn != "" ? ["stream-behind"] : [] : name => {
      description = "The function is an hour behind the Kinesis stream: the Node does not accept its records."
      namespace   = "AWS/Lambda", metric = "IteratorAge", dimensions = local.lambda_dimensions
      statistic   = "Maximum", comparison = "GreaterThanOrEqualToThreshold", threshold = 3600000
      period      = 300, periods = 1, missing = "notBreaching"
    } },
    # Firehose does not repeat a line that failed, so that each one counts.
    { for name in var.enable_access_log_stream ? ["access-log-stream-undelivered"] : [] : name => {
      description = "The Node did not accept lines. Those of the access-log stream are in its bucket, below failed/, and don't come again."
      namespace   = local.metric_namespace, metric = "recordsUndelivered", dimensions = local.resend_dimensions
      statistic   = "Sum", comparison = "GreaterThanOrEqualToThreshold", threshold = 1
      period      = 300, periods = 1, missing = "notBreaching"
    } },
    { for name in var.enable_access_log_stream ? ["access-log-stream-behind"] : [] : name => {
      description = "The access-log stream has not stored lines for an hour: its role may not write to the bucket, or invoke the function."
      namespace   = "AWS/Firehose", metric = "DeliveryToS3.DataFreshness", dimensions = local.access_log_stream_dimensions
      statistic   = "Maximum", comparison = "GreaterThanOrEqualToThreshold", threshold = 3600
      period      = 300, periods = 1, missing = "notBreaching"
    } },
    { for name in var.enable_access_log_stream ? ["access-log-stream-throttled"] : [] : name => {
      description = "The access-log stream rejects lines: there are more of them than its quota allows."
      namespace   = "AWS/Firehose", metric = "ThrottledRecords", dimensions = local.access_log_stream_dimensions
      statistic   = "Sum", comparison = "GreaterThanOrEqualToThreshold", threshold = 1
      period      = 300, periods = 1, missing = "notBreaching"
    } },
  )
}

resource "aws_cloudwatch_metric_alarm" "this" {
  for_each = local.alarms

  alarm_name          = "${local.name}-${each.key}"
  alarm_description   = each.value.description
  namespace           = each.value.namespace
  metric_name         = each.value.metric
  dimensions          = each.value.dimensions
  statistic           = each.value.statistic
  comparison_operator = each.value.comparison
  threshold           = each.value.threshold
  period              = each.value.period
  evaluation_periods  = each.value.periods
  datapoints_to_alarm = lookup(each.value, "datapoints", null)
  treat_missing_data  = each.value.missing
  alarm_actions       = local.alarm_actions
  ok_actions          = local.alarm_actions

  tags = local.tags
}
