{{/* Network rules. */}}

{{/* Pods of this release by their parts: (list $ (list "admin" "sogo")). */}}
{{- define "keryx.peers" -}}
- podSelector:
    matchLabels:
      {{- include "keryx.selectorLabels" (list (first .)) | nindent 6 }}
    matchExpressions:
      - {key: app.kubernetes.io/component, operator: In, values: {{ toJson (index . 1) }}}
{{- end }}

{{/* TCP ports of the world that a pod needs, as a list of numbers: (list $ "postfix"). */}}
{{- define "keryx.worldPorts" -}}
{{- $root := first . }}
{{- $pod := index . 1 }}
{{- $settings := $root.Values.settings }}
{{- $ports := list }}
{{- if eq $pod "postfix" }}
{{- $ports = append $ports 25 }}
{{- with dig "postfix" "relayhost" dict $settings }}
{{- $ports = append $ports (int (default 587 .port)) }}
{{- end }}
{{- range dig "postfix" "sender_relayhosts" dict $settings }}
{{- $ports = append $ports (int (default 587 .port)) }}
{{- end }}
{{- else if eq $pod "rspamd" }}
{{- $ports = list 80 443 }}
{{- else if eq $pod "clamav" }}
{{- $ports = list 443 }}
{{- else if eq $pod "operator" }}
{{- /* The cluster's API, behind its Service and at the machines themselves: usual, minikube's, MicroK8s'. */}}
{{- $ports = list 443 6443 8443 16443 }}
{{- end }}
{{- $table := include "keryx.table" $root | fromYaml }}
{{- if and (not (include "keryx.setting" (list $root "directory" "embedded" true))) (has $pod $table.openldap.inner.ldaps.from) }}
{{- $uri := default "" $settings.directory.uri }}
{{- $port := regexFind ":[0-9]+/?$" $uri | trimPrefix ":" | trimSuffix "/" }}
{{- $ports = append $ports (int (default (ternary 636 389 (hasPrefix "ldaps:" $uri)) $port)) }}
{{- end }}
{{- if and (not (include "keryx.setting" (list $root "database" "embedded" true))) (has $pod $table.postgresql.inner.postgresql.from) }}
{{- $ports = append $ports (int (default 5432 $settings.database.port)) }}
{{- end }}
{{- toYaml (uniq $ports | sortAlpha) }}
{{- end }}

{{/* At which ports a pod asks name servers: OpenShift's listen at 5353 behind their Service, the resolvers beside
     Postfix and Rspamd ask whom the settings name. */}}
{{- define "keryx.namePorts" -}}
{{- $root := first . }}
{{- $ports := list 53 5353 }}
{{- if has (index . 1) (list "postfix" "rspamd") }}
{{- $unbound := default dict $root.Values.settings.unbound }}
{{- range regexFindAll "@[0-9]+" (list $unbound.forwarders $unbound.stub_zones | toJson) -1 }}
{{- $ports = append $ports (trimPrefix "@" . | int) }}
{{- end }}
{{- end }}
{{- toYaml (uniq $ports) }}
{{- end }}

{{- define "keryx.networkPolicy" -}}
{{- $root := first . }}
{{- $pod := index . 1 }}
{{- $table := include "keryx.table" $root | fromYaml }}
{{- $pods := include "keryx.pods" $root | fromYamlArray }}
{{- $spec := default (dict) (get $table $pod) }}
{{- $values := include "keryx.values" (list $root (ternary $pod "admin" (not (empty $spec)))) | fromYaml }}
{{- $there := concat $pods (list "init" "test") }}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  {{- include "keryx.metadata" (dict "root" $root "name" (printf "%s-%s" (include "keryx.fullname" $root) $pod) "part" $pod) | nindent 2 }}
spec:
  podSelector:
    matchLabels:
      {{- include "keryx.selectorLabels" . | nindent 6 }}
  policyTypes: [Ingress, Egress]
  {{- $containers := list }}
  {{- if $spec }}{{ $containers = include "keryx.containers" . | fromYamlArray }}{{ end }}
  {{- if $spec }}
  ingress:
    {{- with include "keryx.publicPorts" . | fromYamlArray }}
    - ports:
        {{- range . }}
        - {protocol: TCP, port: {{ (include "keryx.port" (list $root .) | fromYaml).number }}}
        {{- end }}
    {{- end }}
    {{- range $name, $open := $spec.inner }}
    {{- $from := list }}
    {{- range $open.from }}
    {{- if has . $there }}{{ $from = append $from . }}{{ end }}
    {{- end }}
    - ports:
        - {protocol: TCP, port: {{ $open.number }}}
      {{- if not (and (not $spec.public) $values.service.allowOutside (ne $values.service.type "ClusterIP")) }}
      from:
        {{- include "keryx.peers" (list $root $from) | nindent 8 }}
      {{- end }}
    {{- end }}
    # How its containers are. The kubelet, which asks too, is held up by no policy.
    - ports:
        - {protocol: TCP, port: 18080, endPort: {{ add 18079 (len $containers) }}}
      from:
        {{- include "keryx.peers" (list $root (list "admin" "test")) | nindent 8 }}
    {{- with $values.networkPolicy.extraIngress }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  {{- else }}
  ingress: []
  {{- end }}
  egress:
    # Names: the cluster's servers, and those of the world for the resolvers beside Postfix and Rspamd.
    - ports:
        {{- range include "keryx.namePorts" (list $root $pod) | fromYamlArray }}
        - {protocol: UDP, port: {{ . }}}
        - {protocol: TCP, port: {{ . }}}
        {{- end }}
    {{- range $name := $pods }}
    {{- $ports := list }}
    {{- range (get $table $name).inner }}
    {{- if has $pod .from }}{{ $ports = append $ports .number }}{{ end }}
    {{- end }}
    {{- $asks := has $pod (list "admin" "test") }}
    {{- if or $ports $asks }}
    - ports:
        {{- range $ports }}
        - {protocol: TCP, port: {{ . }}}
        {{- end }}
        {{- if $asks }}
        - {protocol: TCP, port: 18080, endPort: {{ add 18079 (len (include "keryx.containers" (list $root $name) | fromYamlArray)) }}}
        {{- end }}
      to:
        {{- include "keryx.peers" (list $root (list $name)) | nindent 8 }}
    {{- end }}
    {{- end }}
    {{- with include "keryx.worldPorts" . | fromYamlArray }}
    - ports:
        {{- range . }}
        - {protocol: TCP, port: {{ . }}}
        {{- end }}
    {{- end }}
    {{- if eq $pod "rspamd" }}
    # Fuzzy hashes, asked of Rspamd's public servers.
    - ports:
        - {protocol: UDP, port: 11335}
    {{- end }}
    {{- if $spec }}
    {{- with $values.networkPolicy.extraEgress }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
    {{- end }}
{{- end }}
