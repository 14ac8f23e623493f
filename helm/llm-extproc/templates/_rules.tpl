{{- /* What the schema cannot say, because it is between values. Every message names the values. */ -}}
{{- define "llm-extproc.rules" -}}
{{- if not (or .Values.gateway.document .Values.gateway.existingConfigMap) }}
{{- fail "gateway.document is empty: --set-file gateway.document=gateway.yaml, or name a ConfigMap in gateway.existingConfigMap" }}
{{- end }}
{{- if and .Values.gateway.document .Values.gateway.existingConfigMap }}
{{- fail "gateway.document and gateway.existingConfigMap are both set: one of them" }}
{{- end }}
{{- if and .Values.clusters.files .Values.clusters.existingConfigMap }}
{{- fail "clusters.files and clusters.existingConfigMap are both set: one of them" }}
{{- end }}
{{- if and .Values.clusters.existingConfigMap (not .Values.clusters.keys) }}
{{- fail "clusters.keys is empty: name the keys of clusters.existingConfigMap that are cluster files" }}
{{- end }}
{{- if and .Values.clusters.keys (not .Values.clusters.existingConfigMap) }}
{{- fail "clusters.keys is for clusters.existingConfigMap; the keys of clusters.files are all taken" }}
{{- end }}
{{- if and (ne .Values.mode "mesh") (not (or .Values.clusters.files .Values.clusters.existingConfigMap)) }}
{{- fail "clusters.files is empty: give your Envoy clusters there, or in a ConfigMap that clusters.existingConfigMap names" }}
{{- end }}
{{- $names := dict }}
{{- range .Values.secrets.mounts }}
{{- if hasKey $names .name }}
{{- fail (printf "secrets.mounts has %q twice" .name) }}
{{- end }}
{{- $_ := set $names .name true }}
{{- end }}
{{- $ports := dict }}
{{- range $name, $port := .Values.ports }}
{{- $key := toString $port }}
{{- if hasKey $ports $key }}
{{- fail (printf "ports.%s and ports.%s are both %s" (get $ports $key) $name $key) }}
{{- end }}
{{- $_ := set $ports $key $name }}
{{- end }}
{{- include "llm-extproc.yamlRules" . }}
{{- include "llm-extproc.tlsRules" . }}
{{- include "llm-extproc.redisRules" . }}
{{- include "llm-extproc.redisPortRules" . }}
{{- include "llm-extproc.scalingRules" . }}
{{- include "llm-extproc.meshRules" . }}
{{- end }}

{{- /* fromYaml gives what it could not read, and what is no mapping, as a mapping with the message in "Error". */ -}}
{{- define "llm-extproc.yamlRules" -}}
{{- with get (.Values.gateway.document | fromYaml) "Error" }}
{{- fail (printf "gateway.document is not YAML, or no mapping: %v" .) }}
{{- end }}
{{- range $file, $text := .Values.clusters.files }}
{{- with get ($text | fromYaml) "Error" }}
{{- fail (printf "clusters.files[%q] is not YAML, or no mapping: %v" $file .) }}
{{- end }}
{{- end }}
{{- end }}

{{- define "llm-extproc.tlsRules" -}}
{{- $tls := .Values.tls }}
{{- $sources := 0 }}
{{- range (list $tls.secretName $tls.certManager.enabled $tls.csi) }}{{ if . }}{{ $sources = add1 $sources }}{{ end }}{{ end }}
{{- if and $tls.enabled (ne (int $sources) 1) }}
{{- fail (printf "tls.enabled wants one of tls.secretName, tls.certManager.enabled and tls.csi; %d are set" (int $sources)) }}
{{- end }}
{{- if and $tls.requireClientCertificate (not $tls.enabled) }}
{{- fail "tls.requireClientCertificate needs tls.enabled" }}
{{- end }}
{{- if and $tls.certManager.enabled (not $tls.certManager.issuerRef.name) }}
{{- fail "tls.certManager.issuerRef.name is empty" }}
{{- end }}
{{- if and $tls.enabled (eq .Values.mode "mesh") }}
{{- fail "tls.enabled: in mode mesh the mesh's own proxy terminates TLS" }}
{{- end }}
{{- if and $tls.enabled (eq .Values.mode "sidecar") }}
{{- fail "tls.enabled: in mode sidecar the listener is on the pod's own loopback" }}
{{- end }}
{{- end }}

{{- define "llm-extproc.redisRules" -}}
{{- if .Values.redis.embedded.enabled }}
{{- if or .Values.redis.ports .Values.redis.to }}
{{- fail "redis.ports and redis.to are for a Redis of yours, and redis.embedded.enabled is set: one of them" }}
{{- end }}
{{- if .Values.redis.passwordSecret.name }}
{{- fail "redis.passwordSecret.name and redis.embedded.enabled are both set: one of them" }}
{{- end }}
{{- if not .Values.redis.embedded.passwordSecret.name }}
{{- fail "redis.embedded.passwordSecret.name is empty: name a Secret with the password" }}
{{- end }}
{{- end }}
{{- end }}

{{- define "llm-extproc.redisPortRules" -}}
{{- if and .Values.redis.to (not (include "llm-extproc.redisPorts" . | fromYamlArray)) }}
{{- fail "redis.to is set, and neither gateway.document nor redis.passwordSecret shows that there is a Redis: set redis.ports" }}
{{- end }}
{{- end }}

{{- define "llm-extproc.scalingRules" -}}
{{- $scaling := .Values.autoscaling }}
{{- if and (eq $scaling.kind "keda") (not $scaling.prometheusAddress) }}
{{- fail "autoscaling.prometheusAddress is empty: autoscaling.kind keda asks Prometheus" }}
{{- end }}
{{- if gt (int $scaling.minReplicas) (int $scaling.maxReplicas) }}
{{- fail "autoscaling.minReplicas is larger than autoscaling.maxReplicas" }}
{{- end }}
{{- if and (ne $scaling.kind "none") (eq .Values.mode "sidecar") }}
{{- fail "autoscaling.kind: in mode sidecar there is no Deployment of ours to scale" }}
{{- end }}
{{- if and (eq .Values.monitoring.scrape "service") (eq .Values.mode "sidecar") }}
{{- fail "monitoring.scrape: in mode sidecar there is no Service of ours: pod" }}
{{- end }}
{{- end }}

{{- /* Istio: the mesh's proxy has the clusters of these files and no others. */ -}}
{{- define "llm-extproc.istioRules" -}}
{{- $names := list }}
{{- range (include "llm-extproc.teamsClusters" . | fromYamlArray) }}
{{- $names = append $names .name }}
{{- end }}
{{- range $index, $provider := .Values.mesh.providers }}
{{- if not (has $provider.cluster $names) }}
{{- fail (printf "mesh.providers[%d].cluster: no file of clusters.files has the cluster %q, but %s" $index $provider.cluster ($names | sortAlpha | join ", " | default "none at all")) }}
{{- end }}
{{- end }}
{{- end }}

{{- /* Envoy Gateway makes the pods, their account and their Service by itself. */ -}}
{{- define "llm-extproc.envoyGatewayRules" -}}
{{- if eq .Values.autoscaling.kind "keda" }}
{{- fail "autoscaling.kind keda: Envoy Gateway sets the replicas of its Deployment itself; hpa is given to it" }}
{{- end }}
{{- if .Values.mesh.istio.principals }}
{{- fail "mesh.istio.principals: mesh.kind is envoy-gateway, which admits every caller that networkPolicy.from does" }}
{{- end }}
{{- if ne (int .Values.service.port) 80 }}
{{- fail "service.port: with mesh.kind envoy-gateway the Gateway and its Service listen on ports.listen" }}
{{- end }}
{{- range $name := list "name" "annotations" "automountToken" }}
{{- if get $.Values.serviceAccount $name }}
{{- fail (printf "serviceAccount.%s: with mesh.kind envoy-gateway the pods have an account that Envoy Gateway makes" $name) }}
{{- end }}
{{- end }}
{{- end }}

{{- define "llm-extproc.meshRules" -}}
{{- if and (eq .Values.mode "mesh") (not .Values.mesh.providers) }}
{{- fail "mesh.providers is empty: name the providers' hosts" }}
{{- end }}
{{- $clusters := dict }}
{{- range $index, $provider := .Values.mesh.providers }}
{{- if hasKey $clusters $provider.cluster }}
{{- fail (printf "mesh.providers[%d].cluster: %q is there twice" $index $provider.cluster) }}
{{- end }}
{{- $_ := set $clusters $provider.cluster true }}
{{- end }}
{{- if and (eq .Values.mode "mesh") .Values.clusters.existingConfigMap }}
{{- fail "clusters.existingConfigMap: in mode mesh clusters are in clusters.files, as the mesh's resources are made of them" }}
{{- end }}
{{- if and (eq .Values.mode "mesh") (eq .Values.mesh.kind "istio") }}
{{- include "llm-extproc.istioRules" . }}
{{- end }}
{{- if and (eq .Values.mode "mesh") (eq .Values.mesh.kind "envoy-gateway") }}
{{- include "llm-extproc.envoyGatewayRules" . }}
{{- end }}
{{- if and .Values.egressPolicy.enabled (not .Values.egressPolicy.applications) }}
{{- fail "egressPolicy.applications is empty: name the namespaces whose pods are not to reach providers" }}
{{- end }}
{{- if and (eq .Values.mode "sidecar") .Values.egressPolicy.enabled }}
{{- fail "egressPolicy.enabled: a NetworkPolicy cannot tell an application from the sidecar in its pod; use mode gateway or mesh" }}
{{- end }}
{{- end }}
