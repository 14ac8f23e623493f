{{- /* A Deployment of ours, of modes gateway and mesh: takes the context and the pod's own containers as text. */ -}}
{{- define "llm-extproc.deployment" -}}
{{- $ := .root }}
{{- $d := $.Values.deployment }}
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ include "llm-extproc.fullname" $ }}
  namespace: {{ $.Release.Namespace }}
  labels: {{- include "llm-extproc.labels" $ | nindent 4 }}
  {{- with $d.annotations }}
  annotations: {{- toYaml . | nindent 4 }}
  {{- end }}
spec:
  {{- if eq $.Values.autoscaling.kind "none" }}
  replicas: {{ $d.replicas }}
  {{- end }}
  # A new pod is there before an old one ends
  strategy: {type: RollingUpdate, rollingUpdate: {maxSurge: 1, maxUnavailable: 0}}
  minReadySeconds: 5
  selector:
    matchLabels: {{- include "llm-extproc.selectorLabels" $ | nindent 6 }}
  template:
    metadata:
      labels:
        {{- include "llm-extproc.labels" $ | nindent 8 }}
        {{- with (merge (dict) $d.podLabels .podLabels) }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      {{- with (merge (dict) $d.podAnnotations .podAnnotations) }}
      annotations: {{- toYaml . | nindent 8 }}
      {{- end }}
    spec:
      serviceAccountName: {{ include "llm-extproc.serviceAccountName" $ }}
      automountServiceAccountToken: {{ $.Values.serviceAccount.automountToken }}
      terminationGracePeriodSeconds: {{ add $d.settleSeconds $.Values.extproc.graceSeconds 30 }}
      {{- with (include "llm-extproc.placement" (dict "root" $ "labels" (include "llm-extproc.selectorLabels" $)) | trim) }}
      {{- . | nindent 6 }}
      {{- end }}
      {{- .containers | nindent 6 }}
      volumes:
        {{- include "llm-extproc.volumes" $ | nindent 8 }}
{{- end }}

{{- /* Where a pod may run, and what may pull its images: takes the context and, as text, the labels of its kind. */ -}}
{{- define "llm-extproc.placement" -}}
{{- $d := .root.Values.deployment }}
{{- with .root.Values.imagePullSecrets }}
imagePullSecrets: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $d.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with $d.nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $d.tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $d.affinity }}
affinity: {{- toYaml . | nindent 2 }}
{{- end }}
{{- include "llm-extproc.topologySpread" . }}
{{- end }}

{{- define "llm-extproc.topologySpread" -}}
{{- $labels := .labels }}
{{- $spread := .root.Values.deployment.topologySpread }}
{{- $keys := list }}
{{- if $spread.zones }}{{ $keys = append $keys "topology.kubernetes.io/zone" }}{{ end }}
{{- if $spread.nodes }}{{ $keys = append $keys "kubernetes.io/hostname" }}{{ end }}
{{- if $keys }}
topologySpreadConstraints:
  {{- range $keys }}
  - maxSkew: {{ $spread.maxSkew }}
    topologyKey: {{ . }}
    whenUnsatisfiable: {{ $spread.whenUnsatisfiable }}
    labelSelector:
      matchLabels: {{- $labels | nindent 8 }}
  {{- end }}
{{- end }}
{{- end }}

{{- /* The ext_proc container ends first: the hook has Envoy turn clients away, then SIGTERM lets streams finish. Envoy,
       a native sidecar, stays until it has ended. */ -}}
{{- define "llm-extproc.preStop" -}}
lifecycle:
  preStop:
    exec:
      command:
        - python
        - -c
        - |
          {{- .Files.Get "files/drain.py" | nindent 10 }}
        - 127.0.0.1:{{ .Values.ports.envoyAdmin }}
        - {{ .Values.deployment.settleSeconds | quote }}
{{- end }}
