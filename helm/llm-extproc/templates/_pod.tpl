{{- /*
The parts of a pod. All take the chart's own context: in this chart `.`, in a chart that has this one as a dependency
`(index .Subcharts "llm-extproc")`. Paths in the containers are the same in every mode:
  /etc/llm-extproc/document/gateway.yaml, /etc/llm-extproc/{clusters,secrets/NAME,tls}
  /run/llm-extproc/sockets: the workers' sockets; /run/llm-extproc/envoy: Envoy's configuration, made in the pod
A ConfigMap or Secret is mounted whole, never by subPath: only so does the kubelet replace its files.
*/ -}}

{{- /* Init containers that prove the configuration, and the one that keeps it current. */ -}}
{{- define "llm-extproc.configContainers" -}}
{{ include "llm-extproc.renderContainer" . }}
{{ include "llm-extproc.validateContainer" . }}
{{ include "llm-extproc.checkContainer" . }}
- name: llm-config
  {{- include "llm-extproc.ownContainer" . | nindent 2 }}
  restartPolicy: Always
  args:
    {{- include "llm-extproc.renderArgs" . | nindent 4 }}
    - --watch
  resources: {{- toYaml .Values.config.resources | nindent 4 }}
  volumeMounts:
    {{- include "llm-extproc.renderMounts" . | nindent 4 }}
{{- end }}

{{- /* Writes Envoy's configuration, of the document and the clusters. */ -}}
{{- define "llm-extproc.renderContainer" -}}
- name: llm-render
  {{- include "llm-extproc.ownContainer" . | nindent 2 }}
  args:
    {{- include "llm-extproc.renderArgs" . | nindent 4 }}
  resources: {{- toYaml .Values.config.resources | nindent 4 }}
  volumeMounts:
    {{- include "llm-extproc.renderMounts" . | nindent 4 }}
{{- end }}

{{- /* Envoy's own opinion of it. */ -}}
{{- define "llm-extproc.validateContainer" -}}
- name: llm-validate
  image: {{ include "llm-extproc.envoyImage" . | quote }}
  imagePullPolicy: {{ .Values.envoy.image.pullPolicy }}
  command: [envoy]
  args: [--mode, validate, --log-level, error, -c, /run/llm-extproc/envoy/complete.yaml]
  terminationMessagePolicy: FallbackToLogsOnError
  securityContext: {{- include "llm-extproc.securityContext" . | nindent 4 }}
  resources: {{- toYaml .Values.envoy.resources | nindent 4 }}
  volumeMounts:
    {{- include "llm-extproc.envoyMounts" . | nindent 4 }}
{{- end }}

{{- /* Ours. */ -}}
{{- define "llm-extproc.checkContainer" -}}
- name: llm-check
  {{- include "llm-extproc.ownContainer" . | nindent 2 }}
  args:
    - check
    - --config=/etc/llm-extproc/document/gateway.yaml
    - --envoy
    - /run/llm-extproc/envoy/complete.yaml
  resources: {{- toYaml .Values.config.resources | nindent 4 }}
  volumeMounts:
    {{- include "llm-extproc.configMounts" . | nindent 4 }}
    - {name: llm-run, mountPath: /run/llm-extproc, readOnly: true}
{{- end }}

{{- define "llm-extproc.renderArgs" -}}
- render
- --config=/etc/llm-extproc/document/gateway.yaml
- --dynamic=/run/llm-extproc/envoy
- --socket-dir=/run/llm-extproc/sockets
- --workers={{ .Values.extproc.workers }}
- --listen={{ ternary "127.0.0.1" "0.0.0.0" (eq .Values.mode "sidecar") }}:{{ .Values.ports.listen }}
- --status=0.0.0.0:{{ .Values.ports.status }}
- --envoy-admin=127.0.0.1:{{ .Values.ports.envoyAdmin }}
- --log-level={{ .Values.extproc.logLevel }}
{{- if .Values.tls.enabled }}
- --tls=/etc/llm-extproc/tls
{{- if .Values.tls.requireClientCertificate }}
- --client-certificates
{{- end }}
{{- end }}
- --clusters
{{- range (.Values.clusters.keys | default (keys (include "llm-extproc.clusterFiles" . | fromYaml) | sortAlpha)) }}
- /etc/llm-extproc/clusters/{{ . }}
{{- end }}
{{- end }}

{{- /* The cluster files of our own ConfigMap, as YAML. Envoy Gateway makes clusters itself: what it makes of mesh.providers
       is written down for the checks, so that the document names no other. */ -}}
{{- define "llm-extproc.clusterFiles" -}}
{{- $files := .Values.clusters.files | default dict }}
{{- if and (eq .Values.mode "mesh") (eq .Values.mesh.kind "envoy-gateway") }}
{{- $files = dict "providers.yaml" (include "llm-extproc.providerClusters" .) }}
{{- end }}
{{- toYaml $files }}
{{- end }}

{{- define "llm-extproc.providerClusters" -}}
resources:
{{- range .Values.mesh.providers }}
- "@type": type.googleapis.com/envoy.config.cluster.v3.Cluster
  name: {{ .cluster }}
  type: STRICT_DNS
  load_assignment:
    cluster_name: {{ .cluster }}
    endpoints:
    - lb_endpoints:
      - endpoint: {address: {socket_address: {address: {{ .host }}, port_value: {{ default 443 .port }}}}}
  transport_socket:
    name: envoy.transport_sockets.tls
    typed_config:
      "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext
      sni: {{ .host }}
      auto_sni_san_validation: true
      common_tls_context:
        validation_context:
          trusted_ca: {filename: /etc/ssl/certs/ca-certificates.crt}
{{- end }}
{{- end }}

{{- /* The ext_proc server. `restartPolicy` and probes' use differ by mode, so they are added there. */ -}}
{{- define "llm-extproc.extprocContainer" -}}
name: llm-extproc
{{ include "llm-extproc.ownContainer" . }}
args:
  - serve
  - --config=/etc/llm-extproc/document/gateway.yaml
  - --socket-dir=/run/llm-extproc/sockets
  - --workers={{ .Values.extproc.workers }}
  - --admin=0.0.0.0:{{ .Values.ports.metrics }}
  - --grace={{ .Values.extproc.graceSeconds }}
  - --log-level={{ .Values.extproc.logLevel }}
ports:
  - {name: metrics, containerPort: {{ .Values.ports.metrics }}}
startupProbe: {httpGet: {path: /readyz, port: metrics}, periodSeconds: 1, failureThreshold: 60}
readinessProbe: {httpGet: {path: /readyz, port: metrics}, periodSeconds: 5}
livenessProbe: {httpGet: {path: /healthz, port: metrics}, periodSeconds: 10, failureThreshold: 6}
resources: {{- toYaml .Values.extproc.resources | nindent 2 }}
volumeMounts:
  {{- include "llm-extproc.configMounts" . | nindent 2 }}
  - {name: llm-run, mountPath: /run/llm-extproc}
{{- end }}

{{- define "llm-extproc.envoyContainer" -}}
name: llm-envoy
image: {{ include "llm-extproc.envoyImage" . | quote }}
imagePullPolicy: {{ .Values.envoy.image.pullPolicy }}
restartPolicy: Always
command: [envoy]
args:
  - -c
  - /run/llm-extproc/envoy/envoy.yaml
  - --log-level
  - {{ .Values.envoy.logLevel }}
  - --concurrency
  - {{ .Values.envoy.concurrency | quote }}
  - --disable-hot-restart
  # How long streams of a listener that was replaced may run on
  - --drain-time-s
  - {{ .Values.extproc.graceSeconds | quote }}
ports:
  - {name: llm, containerPort: {{ .Values.ports.listen }}}
  - {name: envoy-status, containerPort: {{ .Values.ports.status }}}
{{- if eq .Values.mode "sidecar" }}
# The application starts when this succeeds: Envoy is there, and sees the ext_proc server
startupProbe: {httpGet: {path: /ready, port: envoy-status}, periodSeconds: 1, failureThreshold: 60}
{{- else }}
# The ext_proc container starts when this succeeds; its own health is for readiness
startupProbe: {tcpSocket: {port: envoy-status}, periodSeconds: 1, failureThreshold: 60}
{{- end }}
readinessProbe: {httpGet: {path: /ready, port: envoy-status}, periodSeconds: 2, failureThreshold: 2}
livenessProbe: {tcpSocket: {port: envoy-status}, periodSeconds: 10, failureThreshold: 6}
securityContext: {{- include "llm-extproc.securityContext" . | nindent 2 }}
resources: {{- toYaml .Values.envoy.resources | nindent 2 }}
volumeMounts:
  {{- include "llm-extproc.envoyMounts" . | nindent 2 }}
{{- end }}

{{- /* What every container of our image has. */ -}}
{{- define "llm-extproc.ownContainer" -}}
image: {{ include "llm-extproc.ownImage" . | quote }}
imagePullPolicy: {{ .Values.extproc.image.pullPolicy }}
terminationMessagePolicy: FallbackToLogsOnError
securityContext: {{- include "llm-extproc.securityContext" . | nindent 2 }}
{{- $env := include "llm-extproc.env" . }}
{{- if $env }}
env: {{- $env | nindent 2 }}
{{- end }}
{{- with .Values.envFrom }}
envFrom: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- define "llm-extproc.env" -}}
{{- $redis := ternary .Values.redis.embedded.passwordSecret .Values.redis.passwordSecret .Values.redis.embedded.enabled }}
{{- if $redis.name }}
- name: REDIS_PASSWORD
  valueFrom: {secretKeyRef: {name: {{ $redis.name }}, key: {{ $redis.key }}}}
{{- end }}
{{- with .Values.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "llm-extproc.securityContext" -}}
runAsUser: {{ .Values.runAsUser }}
runAsGroup: {{ .Values.runAsUser }}
runAsNonRoot: true
readOnlyRootFilesystem: true
allowPrivilegeEscalation: false
capabilities: {drop: [ALL]}
seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- /* All read the document: its secrets must be there for it to be complete. */ -}}
{{- define "llm-extproc.configMounts" -}}
- {name: llm-document, mountPath: /etc/llm-extproc/document, readOnly: true}
{{- range .Values.secrets.mounts }}
- {name: llm-secret-{{ .name }}, mountPath: /etc/llm-extproc/secrets/{{ .name }}, readOnly: true}
{{- end }}
- {name: llm-tmp, mountPath: /tmp}
{{- end }}

{{- define "llm-extproc.renderMounts" -}}
{{ include "llm-extproc.configMounts" . }}
- {name: llm-clusters, mountPath: /etc/llm-extproc/clusters, readOnly: true}
- {name: llm-run, mountPath: /run/llm-extproc}
{{- end }}

{{- /* A proxy reads its configuration and connects to the sockets; neither is writing. The directory is mounted, not the
       sockets in it: workers make them anew. */ -}}
{{- define "llm-extproc.proxyMounts" -}}
- {name: llm-run, mountPath: /run/llm-extproc, readOnly: true}
{{- end }}

{{- define "llm-extproc.envoyMounts" -}}
{{ include "llm-extproc.proxyMounts" . }}
{{- if .Values.tls.enabled }}
- {name: llm-tls, mountPath: /etc/llm-extproc/tls, readOnly: true}
{{- end }}
{{- end }}

{{- define "llm-extproc.volumes" -}}
- name: llm-document
  configMap: {name: {{ include "llm-extproc.documentConfigMap" . }}}
- name: llm-clusters
  configMap: {name: {{ include "llm-extproc.clustersConfigMap" . }}}
{{- range .Values.secrets.mounts }}
- name: llm-secret-{{ .name }}
  {{- if .secretName }}
  secret: {secretName: {{ .secretName }}}
  {{- else }}
  csi: {{- toYaml .csi | nindent 4 }}
  {{- end }}
{{- end }}
{{- if .Values.tls.enabled }}
- name: llm-tls
  {{- if .Values.tls.csi }}
  csi: {{- toYaml .Values.tls.csi | nindent 4 }}
  {{- else }}
  secret: {secretName: {{ include "llm-extproc.tlsSecret" . }}}
  {{- end }}
{{- end }}
- name: llm-run
  emptyDir: {medium: Memory, sizeLimit: 16Mi}
# The workers' metrics: 250 bytes a series
- name: llm-tmp
  emptyDir: {medium: Memory, sizeLimit: 128Mi}
{{- end }}

{{- /* mode sidecar: what an application's pod gets, first to last. They end last to first, after the application. */ -}}
{{- define "llm-extproc.sidecar.initContainers" -}}
{{ include "llm-extproc.configContainers" . }}
- restartPolicy: Always
  {{- include "llm-extproc.extprocContainer" . | nindent 2 }}
- {{ include "llm-extproc.envoyContainer" . | nindent 2 | trim }}
{{- end }}

{{- define "llm-extproc.sidecar.env" -}}
- {name: OPENAI_BASE_URL, value: "http://127.0.0.1:{{ .Values.ports.listen }}/v1"}
{{- end }}

{{- define "llm-extproc.sidecar.patch" -}}
spec:
  template:
    metadata:
      labels: {{- include "llm-extproc.sidecarLabels" . | nindent 8 }}
    spec:
      initContainers:
        {{- include "llm-extproc.sidecar.initContainers" . | nindent 8 }}
      {{- with .Values.sidecar.container }}
      containers:
        - name: {{ . }}
          env:
            {{- include "llm-extproc.sidecar.env" $ | nindent 12 }}
      {{- end }}
      volumes:
        {{- include "llm-extproc.volumes" . | nindent 8 }}
{{- end }}
