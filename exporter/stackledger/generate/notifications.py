"""The texts of notifications, as templates of Alertmanager. Each must tell on a phone: what, where, since when, links.

The link's time range starts half an hour before the first alert of the group: durations are nanoseconds in Go.
"""

# ruff: noqa: E501 - a line of a template is a line of the message

from __future__ import annotations

from stackledger.generate.text import HEADER

_HALF_HOUR = "1800000000000"

TEMPLATES = (
    "{{/* "
    + HEADER.removeprefix("# ").rstrip()
    + """ */}}

{{ define "stackledger.title" -}}
{{ if eq .Status "firing" }}{{ .CommonLabels.severity | toUpper }}{{ else }}RESOLVED{{ end }}
{{- range $i, $alert := .Alerts }}{{ if eq $i 0 }} {{ $alert.Annotations.summary }}{{ end }}{{ end }}
{{- if gt (len .Alerts) 1 }} (and {{ len (slice .Alerts 1) }} more){{ end }}
{{- end }}

{{ define "stackledger.panel" -}}
{{ if .Annotations.dashboard_url -}}
{{ .Annotations.dashboard_url }}&from={{ (.StartsAt.Add -HALF_HOUR).UnixMilli }}&to=
{{- if eq .Status "firing" }}now{{ else }}{{ (.EndsAt.Add HALF_HOUR).UnixMilli }}{{ end }}
{{- else }}{{ .GeneratorURL }}{{ end }}
{{- end }}

{{ define "stackledger.link" -}}
{{ range $i, $alert := .Alerts }}{{ if eq $i 0 }}{{ template "stackledger.panel" $alert }}{{ end }}{{ end }}
{{- end }}

{{ define "stackledger.runbook" -}}
{{ range $i, $alert := .Alerts }}{{ if eq $i 0 }}
{{- with $alert.Annotations.runbook_url }}{{ . }}{{ else }}{{ $alert.GeneratorURL }}{{ end }}
{{- end }}{{ end }}
{{- end }}

{{ define "stackledger.where" -}}
{{ range .Labels.SortedPairs }}{{ if ne .Name "alertname" }}{{ if ne .Name "severity" }}{{ .Name }}={{ .Value }} {{ end }}{{ end }}{{ end }}
{{- end }}

{{ define "stackledger.slack.text" -}}
{{ range .Alerts -}}
*{{ if eq .Status "firing" }}{{ .Labels.alertname }}{{ else }}{{ .Labels.alertname }} is over{{ end }}* - {{ .Annotations.summary }}
Where: {{ template "stackledger.where" . }}
Since: {{ .StartsAt.UTC.Format "Mon 15:04:05 UTC" }}{{ if ne .Status "firing" }}, until {{ .EndsAt.UTC.Format "15:04:05" }}{{ end }}
{{ .Annotations.description }}
<{{ template "stackledger.panel" . }}|Panel>  {{ with .Annotations.runbook_url }}<{{ . }}|Runbook>{{ end }}
{{ end }}
{{- end }}

{{ define "stackledger.plain" -}}
{{ range .Alerts -}}
{{ .Labels.alertname }}{{ if ne .Status "firing" }} (over){{ end }}: {{ .Annotations.summary }}
Where: {{ template "stackledger.where" . }}
Since: {{ .StartsAt.UTC.Format "2006-01-02 15:04:05 UTC" }}{{ if ne .Status "firing" }}, until {{ .EndsAt.UTC.Format "15:04:05" }}{{ end }}
{{ .Annotations.description }}
Panel: {{ template "stackledger.panel" . }}
{{ with .Annotations.runbook_url }}Runbook: {{ . }}
{{ end }}
{{ end }}
{{- end }}

{{ define "stackledger.email.html" -}}
<html><body style="font-family: sans-serif; font-size: 16px">
{{ range .Alerts }}
<h3>{{ .Labels.alertname }}{{ if ne .Status "firing" }} is over{{ end }}</h3>
<p><b>{{ .Annotations.summary }}</b></p>
<p>Where: {{ template "stackledger.where" . }}<br>
Since: {{ .StartsAt.UTC.Format "2006-01-02 15:04:05 UTC" }}{{ if ne .Status "firing" }}, until {{ .EndsAt.UTC.Format "15:04:05" }}{{ end }}</p>
<p>{{ .Annotations.description }}</p>
<p><a href="{{ template "stackledger.panel" . }}">Panel</a> {{ with .Annotations.runbook_url }}<a href="{{ . }}">Runbook</a>{{ end }}</p>
{{ end }}
</body></html>
{{- end }}
"""
).replace("HALF_HOUR", _HALF_HOUR)
