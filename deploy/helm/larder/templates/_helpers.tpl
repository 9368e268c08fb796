{{- define "larder.labels" -}}
app.kubernetes.io/name: larder
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}
{{- define "larder.allLabels" -}}
{{ include "larder.labels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end }}
{{- define "larder.name" -}}
{{- if contains "larder" .Release.Name }}{{ .Release.Name }}{{ else }}{{ .Release.Name }}-larder{{ end }}
{{- end }}
{{- define "larder.secret" -}}
{{- .Values.admin.existingSecret | default (printf "%s-admin" (include "larder.name" .)) }}
{{- end }}
