{{/* A pod, written once. Each takes (dict "root" $ "pod" "postfix"), or (list $ "postfix") where noted. */}}

{{/* What values say of a pod: its own section over "defaults": (list $ "postfix"). */}}
{{- define "keryx.values" -}}
{{- $root := first . }}
{{- toYaml (mergeOverwrite (dict) (deepCopy $root.Values.defaults) (deepCopy (get $root.Values (index . 1)))) }}
{{- end }}

{{/* The mounts of a container. */}}
{{- define "keryx.mounts" -}}
{{- $spec := get (include "keryx.table" .root | fromYaml) .pod -}}
- {name: home, mountPath: /var/lib/keryx}
- {name: settings, mountPath: /etc/keryx, readOnly: true}
- {name: secrets, mountPath: /var/lib/keryx/secrets, readOnly: true}
- {name: tls, mountPath: /var/lib/keryx/tls, readOnly: true}
{{- if $spec.certificate }}
- {name: certificate, mountPath: /var/lib/keryx/certificate, readOnly: true}
{{- end }}
{{- if include "keryx.authorities" .root }}
- {name: authorities, mountPath: /var/lib/keryx/authorities, readOnly: true}
{{- end }}
{{- if and $spec.volume (not .job) }}
- {name: data, mountPath: /var/lib/keryx/data/{{ .pod }}}
{{- end }}
{{- if and (include "keryx.dumped" .) (not .job) }}
- {name: dump, mountPath: /var/lib/keryx/dump}
{{- end }}
- {name: tmp-{{ .container }}, mountPath: /tmp}
- {name: run-{{ .container }}, mountPath: /run}
{{- end }}

{{/* The volumes of a pod; "secrets" in the dict adds to those of the table, "containers" names who needs /tmp and /run. */}}
{{- define "keryx.volumes" -}}
{{- $root := .root }}
{{- $name := include "keryx.fullname" .root }}
{{- $spec := get (include "keryx.table" .root | fromYaml) .pod -}}
- name: home
  emptyDir: {}
- name: settings
  configMap:
    name: {{ $name }}-settings
- name: secrets
  {{- include "keryx.secretsVolume" (dict "root" .root "pod" .pod "names" (default $spec.secrets .secrets)) | nindent 2 }}
- name: tls
  secret:
    secretName: {{ $name }}-{{ .pod }}-tls
    # Daemons that are not root read the key by the group of the volume; the authority is no secret.
    defaultMode: 0440
    items:
      {{- if .root.Values.innerTls.certManager.enabled }}
      - {key: tls.crt, path: cert.pem, mode: 0444}
      - {key: tls.key, path: key.pem, mode: 0440}
      - {key: ca.crt, path: ca.pem, mode: 0444}
      {{- else }}
      - {key: cert.pem, path: cert.pem, mode: 0444}
      - {key: key.pem, path: key.pem, mode: 0440}
      - {key: ca.pem, path: ca.pem, mode: 0444}
      {{- end }}
{{- if $spec.certificate }}
- name: certificate
  secret:
    secretName: {{ include "keryx.certificateSecret" .root }}
    defaultMode: 0440
    # Nothing waits for it: until it is there, the daemons show that of the volume "tls".
    optional: true
    {{- if eq (toString $spec.certificate) "authority" }}
    items: [{key: ca.crt, path: ca.crt}]
    {{- end }}
{{- end }}
{{- with include "keryx.authorities" .root }}
- name: authorities
  projected:
    sources:
      {{- . | nindent 6 }}
{{- end }}
{{- range .containers }}
- name: tmp-{{ . }}
  emptyDir: {}
- name: run-{{ . }}
  emptyDir: {}
{{- end }}
{{- end }}

{{/* What is kept, where no claim is made for it: (list $ "postfix"). Nothing where one is, or where nothing is kept. */}}
{{- define "keryx.data" -}}
{{- $spec := get (include "keryx.table" (first .) | fromYaml) (index . 1) }}
{{- $persistence := (include "keryx.values" . | fromYaml).persistence }}
{{- if not $spec.volume }}
{{- else if not $persistence.enabled -}}
emptyDir: {}
{{- else if $persistence.existingClaim -}}
persistentVolumeClaim:
  claimName: {{ $persistence.existingClaim }}
{{- else if $persistence.hostPath -}}
hostPath:
  path: {{ $persistence.hostPath }}/{{ index . 1 }}
  # Nobody makes it: on another node a pod would begin with nothing.
  type: Directory
{{- end }}
{{- end }}

{{/* A folder of secrets, one file each, put together from the Secrets that hold them. */}}
{{- define "keryx.secretsVolume" -}}
{{- $root := .root -}}
{{- $pod := .pod }}
{{- $sources := dict }}
{{- $needed := include "keryx.needed" $root | fromYamlArray }}
{{- range .names }}
{{- if has . $needed }}
{{- $place := include "keryx.secretPlace" (list $root .) | fromYaml }}
{{- $items := append (default (list) (get $sources $place.secret)) (dict "key" $place.key "path" .) }}
{{- $_ := set $sources $place.secret $items }}
{{- end }}
{{- end }}
{{- range $root.Values.secrets.more }}
{{- if has $pod .pods }}
{{- $items := append (default (list) (get $sources .existingSecret)) (dict "key" .key "path" .name) }}
{{- $_ := set $sources .existingSecret $items }}
{{- end }}
{{- end }}
{{- if $sources -}}
projected:
  defaultMode: 0440
  sources:
    {{- range $secret, $items := $sources }}
    - secret:
        name: {{ $secret }}
        items:
          {{- range $items }}
          - {key: {{ .key | quote }}, path: {{ .path | quote }}}
          {{- end }}
    {{- end }}
{{- else -}}
emptyDir: {}
{{- end }}
{{- end }}

{{/* In which Secret, under which key, a secret lies: (list $ "ldap-reader"). */}}
{{- define "keryx.secretPlace" -}}
{{- $root := first . }}
{{- $name := index . 1 }}
{{- $of := get (include "keryx.secretNames" $root | fromYaml) $name }}
{{- $own := default (dict) (get $root.Values.secrets $of.key) }}
{{- $section := dig $of.owner "existingSecret" "" $root.Values.AsMap }}
{{- if $own.existingSecret }}
{{- toYaml (dict "secret" $own.existingSecret "key" (default $name $own.key) "given" true) }}
{{- else if $section }}
{{- toYaml (dict "secret" $section "key" $name "given" true) }}
{{- else if $root.Values.secrets.existingSecret }}
{{- toYaml (dict "secret" $root.Values.secrets.existingSecret "key" (default $name $own.key) "given" true) }}
{{- else }}
{{- toYaml (dict "secret" (printf "%s-secrets" (include "keryx.fullname" $root)) "key" $name "given" false) }}
{{- end }}
{{- end }}

{{/* The authorities of an external directory and database, as sources of a projected volume; nothing where there are none. */}}
{{- define "keryx.authorities" -}}
{{- range $name, $from := .Values.authorities }}
{{- if $from.secret }}
- secret:
    name: {{ $from.secret }}
    items: [{key: {{ $from.key | quote }}, path: {{ $name }}.pem}]
{{- else if $from.configMap }}
- configMap:
    name: {{ $from.configMap }}
    items: [{key: {{ $from.key | quote }}, path: {{ $name }}.pem}]
{{- end }}
{{- end }}
{{- end }}

{{/* What a container may: no more than its component needs, see docs/explanation/images.md. */}}
{{- define "keryx.containerSecurity" -}}
{{- $spec := get (include "keryx.table" .root | fromYaml) .pod }}
{{- $capabilities := include "keryx.capabilities" .root | fromYaml }}
{{- $security := dict
  "allowPrivilegeEscalation" false
  "readOnlyRootFilesystem" true
  "capabilities" (dict "drop" (list "ALL")) }}
{{- if not $spec.user }}
{{- $add := concat $capabilities.all (default (list) (get $capabilities .container)) | sortAlpha }}
{{- $_ := set $security.capabilities "add" $add }}
{{- end }}
{{- toYaml (mergeOverwrite $security (deepCopy (default (dict) .own))) }}
{{- end }}

{{- define "keryx.podSecurity" -}}
{{- $spec := get (include "keryx.table" .root | fromYaml) .pod }}
{{- $security := dict "seccompProfile" (dict "type" "RuntimeDefault") }}
{{- if $spec.user }}
{{- $security = merge $security (dict "runAsNonRoot" true "runAsUser" (int $spec.user) "runAsGroup" (int $spec.user)) }}
{{- end }}
{{- with $spec.group }}
{{- $security = merge $security (dict "fsGroup" (int .) "fsGroupChangePolicy" "OnRootMismatch") }}
{{- end }}
{{- if has "nginx" (ternary (list .pod) (list) (not (empty $spec.user))) }}
{{- /* One of the sysctls that every cluster allows: it opens 80 and 443 without being root. */}}
{{- $security = merge $security (dict "sysctls" (list (dict "name" "net.ipv4.ip_unprivileged_port_start" "value" "0"))) }}
{{- end }}
{{- toYaml (mergeOverwrite $security (deepCopy (default (dict) .own))) }}
{{- end }}

{{- define "keryx.environment" -}}
- {name: KERYX_POD, value: {{ .pod }}}
- {name: KERYX_CONFIG, value: /etc/keryx/keryx.yaml}
{{- end }}

{{/* One container: (dict "root" $ "pod" "postfix" "container" "unbound" "index" 2 "values" POD-VALUES). */}}
{{- define "keryx.container" -}}
{{- $main := eq .container .pod }}
{{- $own := ternary .values (default (dict) (get (default (dict) .values.helpers) .container)) $main }}
{{- $spec := get (include "keryx.table" .root | fromYaml) .pod }}
{{- $root := .root }}
{{- $container := .container }}
{{- $port := add 18080 .index -}}
name: {{ .container }}
image: {{ include "keryx.image" (dict "root" .root "component" .container "own" $own.image) }}
imagePullPolicy: {{ include "keryx.pullPolicy" (dict "root" .root "component" .container "own" $own.image) }}
args: [{{ .container }}]
env:
  {{- include "keryx.environment" . | nindent 2 }}
  - {name: KERYX_PROBE_PORT, value: {{ $port | quote }}}
  {{- with $own.extraEnv }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
ports:
  - {name: probe-{{ .index }}, containerPort: {{ $port }}}
  {{- if $main }}
  {{- $hostPorts := default (dict) .values.service.hostPorts }}
  {{- range include "keryx.publicPorts" (list .root .pod) | fromYamlArray }}
  {{- $open := include "keryx.port" (list $root .) | fromYaml }}
  - {name: {{ . }}, containerPort: {{ $open.number }}{{ with get $hostPorts . }}, hostPort: {{ int . }}{{ end }}}
  {{- end }}
  {{- end }}
  {{- range $name, $open := $spec.inner }}
  {{- if eq (default $.pod $open.container) $container }}
  - {name: {{ $name }}, containerPort: {{ $open.number }}}
  {{- end }}
  {{- end }}
{{- $probe := dict "httpGet" (dict "path" "/" "port" (printf "probe-%d" (int .index))) }}
startupProbe:
  {{- toYaml (mergeOverwrite (dict) $probe .values.probes.startup) | nindent 2 }}
readinessProbe:
  {{- toYaml (mergeOverwrite (dict) $probe .values.probes.readiness) | nindent 2 }}
livenessProbe:
  {{- toYaml (mergeOverwrite (dict) $probe .values.probes.liveness) | nindent 2 }}
resources:
  {{- toYaml (default (dict) $own.resources) | nindent 2 }}
securityContext:
  {{- include "keryx.containerSecurity" (dict "root" .root "pod" .pod "container" .container "own" $own.securityContext) | nindent 2 }}
volumeMounts:
  {{- include "keryx.mounts" (dict "root" .root "pod" .pod "container" .container) | nindent 2 }}
  {{- with $own.extraVolumeMounts }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end }}

{{/* What places a pod. */}}
{{- define "keryx.placing" -}}
{{- with .nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .topologySpreadConstraints }}
topologySpreadConstraints:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with .schedulerName }}
schedulerName: {{ . }}
{{- end }}
{{- with .runtimeClassName }}
runtimeClassName: {{ . }}
{{- end }}
{{- with .dnsConfig }}
dnsConfig:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .hostAliases }}
hostAliases:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- define "keryx.pullSecrets" -}}
{{- with .Values.imagePullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- end }}

{{/* The pod template of a workload: (dict "root" $ "pod" "postfix"). */}}
{{- define "keryx.pod" -}}
{{- $root := .root }}
{{- $pod := .pod }}
{{- $spec := get (include "keryx.table" .root | fromYaml) .pod }}
{{- $values := include "keryx.values" (list .root .pod) | fromYaml }}
{{- $containers := include "keryx.containers" (list .root .pod) | fromYamlArray -}}
metadata:
  labels:
    {{- include "keryx.labels" (list .root .pod) | nindent 4 }}
    {{- with $values.podLabels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  annotations:
    kubectl.kubernetes.io/default-container: {{ .pod }}
    {{- with include "keryx.backupAnnotations" . }}
    {{- . | trim | nindent 4 }}
    {{- end }}
    {{- with $values.podAnnotations }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
spec:
  serviceAccountName: {{ include "keryx.serviceAccountName" (list .root .pod) }}
  automountServiceAccountToken: {{ eq .pod "operator" }}
  # Variables named after Services would be taken for settings.
  enableServiceLinks: false
  {{- include "keryx.pullSecrets" .root | nindent 2 }}
  terminationGracePeriodSeconds: {{ int (default (default 70 $spec.grace) $values.terminationGracePeriodSeconds) }}
  securityContext:
    {{- include "keryx.podSecurity" (dict "root" .root "pod" .pod "own" $values.podSecurityContext) | nindent 4 }}
  {{- with $values.initContainers }}
  initContainers:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  containers:
    {{- range $index, $container := $containers }}
    -{{ include "keryx.container" (dict "root" $root "pod" $pod "container" $container "index" $index "values" $values) | nindent 6 | trim | printf " %s" }}
    {{- end }}
    {{- with $values.sidecars }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  volumes:
    {{- include "keryx.volumes" (dict "root" .root "pod" .pod "containers" $containers) | nindent 4 }}
    {{- with include "keryx.data" (list .root .pod) }}
    - name: data
      {{- . | nindent 6 }}
    {{- end }}
    {{- if include "keryx.dumped" . }}
    - name: dump
      emptyDir: {}
    {{- end }}
    {{- with $values.extraVolumes }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  {{- include "keryx.placing" $values | nindent 2 }}
{{- end }}
