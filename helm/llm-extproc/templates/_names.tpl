{{- define "llm-extproc.name" -}}
{{ default .Chart.Name .Values.nameOverride | trunc 40 | trimSuffix "-" }}
{{- end }}

{{- define "llm-extproc.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{ .Values.fullnameOverride | trunc 40 | trimSuffix "-" }}
{{- else if contains (include "llm-extproc.name" .) .Release.Name -}}
{{ .Release.Name | trunc 40 | trimSuffix "-" }}
{{- else -}}
{{ printf "%s-%s" .Release.Name (include "llm-extproc.name" .) | trunc 40 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{- define "llm-extproc.selectorLabels" -}}
app.kubernetes.io/name: {{ include "llm-extproc.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "llm-extproc.labels" -}}
{{ include "llm-extproc.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end }}

{{- /* What Envoy Gateway gives the pods that it makes for our Gateway. */ -}}
{{- define "llm-extproc.envoyGatewayLabels" -}}
gateway.envoyproxy.io/owning-gateway-name: {{ include "llm-extproc.fullname" . }}
gateway.envoyproxy.io/owning-gateway-namespace: {{ .Release.Namespace }}
{{- end }}

{{- /* The labels by which the pods that serve are found, whoever makes them. */ -}}
{{- define "llm-extproc.podSelector" -}}
{{- if eq .Values.mode "sidecar" -}}
{{ include "llm-extproc.sidecarLabels" . }}
{{- else if and (eq .Values.mode "mesh") (eq .Values.mesh.kind "envoy-gateway") -}}
{{ include "llm-extproc.envoyGatewayLabels" . }}
{{- else -}}
{{ include "llm-extproc.selectorLabels" . }}
{{- end }}
{{- end }}

{{- /* What pods of applications carry that have the sidecar; PodMonitor and NetworkPolicy find them by it. */ -}}
{{- define "llm-extproc.sidecarLabels" -}}
llm-extproc/sidecar: {{ .Release.Name }}
{{- end }}

{{- define "llm-extproc.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{ default (include "llm-extproc.fullname" .) .Values.serviceAccount.name }}
{{- else -}}
{{ default "default" .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{- define "llm-extproc.documentConfigMap" -}}
{{ default (printf "%s-document" (include "llm-extproc.fullname" .)) .Values.gateway.existingConfigMap }}
{{- end }}

{{- define "llm-extproc.clustersConfigMap" -}}
{{ default (printf "%s-clusters" (include "llm-extproc.fullname" .)) .Values.clusters.existingConfigMap }}
{{- end }}

{{- define "llm-extproc.tlsSecret" -}}
{{- if .Values.tls.certManager.enabled -}}
{{ include "llm-extproc.fullname" . }}-tls
{{- else -}}
{{ .Values.tls.secretName }}
{{- end }}
{{- end }}

{{- /* Ports of a Redis that is not ours, as a YAML list: those the values name, or else those of its addresses in the
       document; where the values do not show an address, its password tells that there is one. */ -}}
{{- define "llm-extproc.redisPorts" -}}
{{- $ports := list }}
{{- if .Values.redis.ports }}
{{- $ports = .Values.redis.ports }}
{{- else if not .Values.redis.embedded.enabled }}
{{- $redis := dict }}
{{- with get (.Values.gateway.document | fromYaml) "store" }}
{{- if and (kindIs "map" .) (kindIs "map" (get . "redis")) }}
{{- $redis = get . "redis" }}
{{- end }}
{{- end }}
{{- $addresses := get $redis "nodes" | default list }}
{{- with get $redis "url" }}
{{- if not (hasPrefix "unix:" (toString .)) }}
{{- $addresses = list (toString . | trimPrefix "redis://" | trimPrefix "rediss://" | regexFind "^[^/]*") }}
{{- end }}
{{- end }}
{{- $sentinels := eq (get $redis "mode" | toString) "sentinel" }}
{{- range (ternary $addresses list (kindIs "slice" $addresses)) }}
{{- $port := . | toString | regexFind ":[0-9]+$" | trimPrefix ":" | default (ternary "26379" "6379" $sentinels) }}
{{- $ports = append $ports (int $port) }}
{{- end }}
{{- /* Of the servers behind sentinels; and of one in a document that is not here */ -}}
{{- if or (and $sentinels $addresses) (and (not $redis) .Values.redis.passwordSecret.name) }}
{{- $ports = append $ports 6379 }}
{{- end }}
{{- end }}
{{- $ports | uniq | toJson }}
{{- end }}

{{- /* repository:tag, or repository@digest; takes an image and the tag where it names none. */ -}}
{{- define "llm-extproc.image" -}}
{{- if .image.digest -}}
{{ .image.repository }}@{{ .image.digest }}
{{- else -}}
{{ .image.repository }}:{{ default .tag .image.tag }}
{{- end }}
{{- end }}

{{- define "llm-extproc.ownImage" -}}
{{ include "llm-extproc.image" (dict "image" .Values.extproc.image "tag" .Chart.AppVersion) }}
{{- end }}

{{- define "llm-extproc.envoyImage" -}}
{{ include "llm-extproc.image" (dict "image" .Values.envoy.image "tag" "") }}
{{- end }}
