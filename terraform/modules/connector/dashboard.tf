locals {
  # The reasons in the function's README: each is a member of `skipped` in its report line.
  skip_reasons = [
    "websocket", "executionLog", "unsupportedFormat", "noHost", "noPath", "noMethod", "templateOnly",
    "invalidHost", "invalidPath", "invalidMethod", "unrelated", "oversized", "malformed", "contradiction",
    "ownNode", "ownLogGroup",
  ]

  resend  = ["functionName", local.function_name]
  lambda  = ["FunctionName", local.function_name]
  target  = ["LoadBalancer", one(aws_lb.node[*].arn_suffix), "TargetGroup", one(aws_lb_target_group.node[*].arn_suffix)]
  service = ["ClusterName", one(aws_ecs_cluster.this[*].name), "ServiceName", local.service_name]
  queues  = concat([aws_sqs_queue.failed.name], aws_sqs_queue.dead[*].name)

  # Insights has no expression for a whole list.
  mostly_skipped_query = "filter logGroupsMostlySkipped > 0 | parse @message /\"mostlySkipped\":\\[(?<groups>[^\\]]*)\\]/ | stats count(*) as reports, max(@timestamp) as latest by groups | sort latest desc | limit 20"

  # A widget of something that this deployment does not have has no metric.
  metric_widgets = [for widget in concat(local.common_widgets, local.node_metric_widgets, local.access_log_stream_widgets) : widget if length(widget.metrics) > 0]

  common_widgets = [
    {
      title = "Lines"
      stat  = "Sum"
      metrics = [for metric in ["recordsReceived", "recordsForwarded", "recordsRefused", "recordsSkipped", "recordsUndelivered"] :
        concat([local.metric_namespace, metric], local.resend)
      ]
    },
    {
      title   = "Retries"
      stat    = "Sum"
      metrics = [concat([local.metric_namespace, "retries"], local.resend)]
    },
    {
      title = "Node latency, ms (function), s (load balancer)"
      stat  = "Average"
      metrics = concat(
        [
          concat([local.metric_namespace, "nodeLatencyMs"], local.resend),
          concat([local.metric_namespace, "nodeLatencyMs"], local.resend, [{ stat = "p99", label = "nodeLatencyMs p99" }]),
        ],
        [for metric in ["TargetResponseTime"] : concat(["AWS/ApplicationELB", metric], local.target, [{ yAxis = "right" }]) if local.has_load_balancer],
      )
    },
    {
      title = "Function"
      stat  = "Sum"
      metrics = [for metric in ["Invocations", "Errors", "Throttles", "AsyncEventsDropped", "DestinationDeliveryFailures"] :
        concat(["AWS/Lambda", metric], local.lambda)
      ]
    },
    {
      title = "Function duration, ms"
      stat  = "Average"
      metrics = [
        concat(["AWS/Lambda", "Duration"], local.lambda),
        concat(["AWS/Lambda", "Duration"], local.lambda, [{ stat = "Maximum", label = "Duration maximum" }]),
      ]
    },
    {
      title = "Failed events"
      stat  = "Maximum"
      metrics = concat(
        [for queue in local.queues : ["AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", queue]],
        [["AWS/SQS", "ApproximateNumberOfMessagesNotVisible", "QueueName", aws_sqs_queue.failed.name]],
        [for queue in local.queues : ["AWS/SQS", "ApproximateAgeOfOldestMessage", "QueueName", queue, { yAxis = "right" }]],
      )
    },
    {
      title = "Load balancer"
      stat  = "Sum"
      metrics = [for metric in [
        concat(["AWS/ApplicationELB", "HTTPCode_Target_5XX_Count"], local.target),
        ["AWS/ApplicationELB", "HTTPCode_ELB_5XX_Count", "LoadBalancer", one(aws_lb.node[*].arn_suffix)],
        concat(["AWS/ApplicationELB", "RequestCount"], local.target, [{ yAxis = "right" }]),
      ] : metric if local.has_load_balancer]
    },
    {
      title = "Nodes"
      stat  = "Maximum"
      metrics = [for metric in ["HealthyHostCount", "UnHealthyHostCount"] :
        concat(["AWS/ApplicationELB", metric], local.target) if local.has_load_balancer
      ]
    },
    {
      title = "Node CPU and memory, % of what it reserves"
      stat  = "Average"
      metrics = [for metric in ["CPUUtilization", "MemoryUtilization"] :
        concat(["AWS/ECS", metric], local.service) if local.own_node
      ]
    },
    {
      title   = "Log groups of which most lines are skipped"
      stat    = "Maximum"
      metrics = [concat([local.metric_namespace, "logGroupsMostlySkipped"], local.resend)]
    },
  ]

  access_log_stream_widgets = [for widget in [
    {
      title = "Access-log stream: lines"
      stat  = "Sum"
      metrics = [for metric in ["IncomingRecords", "SucceedProcessing.Records", "ThrottledRecords"] :
        ["AWS/Firehose", metric, "DeliveryStreamName", local.access_log_stream]
      ]
    },
    {
      title = "Access-log stream: age of the oldest line, s"
      stat  = "Maximum"
      metrics = [
        ["AWS/Firehose", "DeliveryToS3.DataFreshness", "DeliveryStreamName", local.access_log_stream],
      ]
    },
  ] : widget if var.enable_access_log_stream]

  log_widgets = [
    {
      title = "Skipped lines by reason"
      view  = "timeSeries"
      query = "filter recordsSkipped > 0 | stats ${join(", ", [for reason in local.skip_reasons : "sum(skipped.${reason}) as ${reason}"])} by bin(1h)"
    },
    {
      title = "Log groups of which most lines are skipped"
      view  = "table"
      query = local.mostly_skipped_query
    },
    {
      title = "Latest errors"
      view  = "table"
      query = "filter ispresent(errorType) | fields @timestamp, errorType, errorMessage, recordsUndelivered, recordsRefused | sort @timestamp desc | limit 20"
    },
  ]
}

resource "aws_cloudwatch_dashboard" "this" {
  dashboard_name = local.name

  dashboard_body = jsonencode({
    widgets = concat(
      [for index, widget in local.metric_widgets : {
        type   = "metric"
        x      = 8 * (index % 3)
        y      = 6 * floor(index / 3)
        width  = 8
        height = 6
        properties = {
          title   = widget.title
          view    = "timeSeries"
          region  = local.region
          stat    = widget.stat
          period  = 300
          metrics = widget.metrics
        }
      }],
      [for index, widget in local.log_widgets : {
        type   = "log"
        x      = 8 * index
        y      = 6 * ceil(length(local.metric_widgets) / 3)
        width  = 8
        height = 6
        properties = {
          title  = widget.title
          view   = widget.view
          region = local.region
          query  = "SOURCE '${local.function_group}' | ${widget.query}"
        }
      }],
    )
  })
}
