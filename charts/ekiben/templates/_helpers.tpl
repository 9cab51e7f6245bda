{{- define "ekiben.name" -}}
{{- if contains .Chart.Name .Release.Name }}{{ .Release.Name | trunc 52 | trimSuffix "-" }}{{ else }}{{ printf "%s-%s" .Release.Name .Chart.Name | trunc 52 | trimSuffix "-" }}{{ end }}
{{- end }}

{{- define "ekiben.selector" -}}
app.kubernetes.io/name: ekiben-operator
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "ekiben.labels" -}}
{{ include "ekiben.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/part-of: ekiben
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{- define "ekiben.activator" -}}
{{ include "ekiben.name" . }}-activator
{{- end }}

{{- define "ekiben.activatorSelector" -}}
app.kubernetes.io/name: ekiben-activator
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "ekiben.activatorLabels" -}}
{{ include "ekiben.activatorSelector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/part-of: ekiben
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{- define "ekiben.serviceAccount" -}}
{{ .Values.serviceAccount.name | default (include "ekiben.name" .) }}
{{- end }}

{{- define "ekiben.image" -}}
{{- if .Values.image.digest -}}
{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end -}}
{{- end }}

{{- define "ekiben.subject" -}}
- kind: ServiceAccount
  name: {{ include "ekiben.serviceAccount" . }}
  namespace: {{ .Release.Namespace }}
{{- end }}

{{/* What the operator may do in a namespace whose resources it looks after. No secrets, no pods/proxy, no wildcard. */}}
{{- define "ekiben.rules" -}}
- apiGroups: [ekiben.dev]
  resources: [modeldeployments]
  verbs: [get, list, watch]
- apiGroups: [ekiben.dev]
  resources: [rolloutpolicies]
  verbs: [get, list, watch]
- apiGroups: [ekiben.dev]
  resources: [modeldeployments/status]
  verbs: [update]
# What it writes.
- apiGroups: [apps]
  resources: [deployments]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [apps]
  resources: [deployments/scale]
  verbs: [patch]
- apiGroups: [""]
  resources: [services]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [autoscaling]
  resources: [horizontalpodautoscalers]
  verbs: [get, list, watch, create, patch, delete]
{{- if .Values.keda.triggers }}
- apiGroups: [keda.sh]
  resources: [scaledobjects]
  verbs: [get, list, create, patch, delete]
{{- end }}
- apiGroups: [policy]
  resources: [poddisruptionbudgets]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [gateway.networking.k8s.io]
  resources: [httproutes]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [events.k8s.io]
  resources: [events]
  verbs: [get, create, patch]
# What it reads: what is ready, and why something is not.
- apiGroups: [""]
  resources: [pods]
  verbs: [list, watch]
- apiGroups: [discovery.k8s.io]
  resources: [endpointslices]
  # Those that led a sleeping model's Services to an activator which is not installed any more.
  verbs: [list, watch, delete]
{{- if .Values.activator.enabled }}
# The slices that lead the Services of a sleeping model to the activators.
- apiGroups: [discovery.k8s.io]
  resources: [endpointslices]
  verbs: [get, create, patch]
{{- end }}
# The annotation that freezes a namespace.
- apiGroups: [""]
  resources: [namespaces]
  verbs: [get]
{{- end }}

{{/* Of the cluster as a whole: what the Gateway's class can do. */}}
{{- define "ekiben.classRules" -}}
- apiGroups: [gateway.networking.k8s.io]
  resources: [gatewayclasses]
  verbs: [get]
{{- end }}

{{- define "ekiben.gatewayRules" -}}
- apiGroups: [gateway.networking.k8s.io]
  resources: [gateways]
  verbs: [get]
{{- end }}

{{/* Where evidence comes from; the operator's own defaults stay out of the Deployment. */}}
{{- define "ekiben.evidenceEnv" -}}
{{- with .Values.evidence.source }}
- name: EKIBEN_EVIDENCE_SOURCE
  value: {{ . | quote }}
{{- end }}
{{- with .Values.prometheus }}
{{- if .url }}
- name: EKIBEN_PROMETHEUS_URL
  value: {{ .url | quote }}
- name: EKIBEN_PROMETHEUS_INTERVAL
  value: {{ .interval | quote }}
- name: EKIBEN_PROMETHEUS_NAMESPACE_LABEL
  value: {{ .namespaceLabel | quote }}
- name: EKIBEN_PROMETHEUS_POD_LABEL
  value: {{ .podLabel | quote }}
{{- if and .secret .tokenKey }}
- name: EKIBEN_PROMETHEUS_TOKEN_FILE
  value: /etc/ekiben/prometheus/{{ .tokenKey }}
{{- end }}
{{- if and .secret .caKey }}
- name: EKIBEN_PROMETHEUS_CA_FILE
  value: /etc/ekiben/prometheus/{{ .caKey }}
{{- end }}
{{- end }}
{{- end }}
{{- with .Values.gatewayProxies }}
{{- if .namespace }}
- name: EKIBEN_GATEWAY_PROXY_NAMESPACE
  value: {{ .namespace | quote }}
- name: EKIBEN_GATEWAY_PROXY_PORT
  value: {{ .port | quote }}
- name: EKIBEN_GATEWAY_PROXY_PATH
  value: {{ .path | quote }}
{{- with .selector }}
- name: EKIBEN_GATEWAY_PROXY_SELECTOR
  value: {{ . | quote }}
{{- end }}
{{- with .cluster }}
- name: EKIBEN_GATEWAY_CLUSTER
  value: {{ . | quote }}
{{- end }}
{{- end }}
{{- end }}
{{- with .Values.queries }}
- name: EKIBEN_QUERIES_FILE
  value: /etc/ekiben/queries/queries.yaml
{{- end }}
{{- end }}
