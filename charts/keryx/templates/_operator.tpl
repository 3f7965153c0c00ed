{{/* What the operator sees to. */}}

{{/* The name of the Secret of an application: (dict "name" ... "secret" ...), an entry of applications. */}}
{{- define "keryx.applicationSecret" -}}
{{- default (printf "%s-smtp" .name) .secret }}
{{- end }}

{{/* The applications' Secrets by namespace: {shop: [web-smtp], wiki: [...]}. */}}
{{- define "keryx.applicationSecrets" -}}
{{- $found := dict }}
{{- range .Values.applications }}
{{- $names := append (default (list) (get $found .namespace)) (include "keryx.applicationSecret" .) }}
{{- $_ := set $found .namespace $names }}
{{- end }}
{{- toYaml $found }}
{{- end }}

{{/* Whether a certificate is copied from another namespace. */}}
{{- define "keryx.copiesCertificate" -}}
{{- if .Values.certificate.copyFrom.namespace }}true{{ end }}
{{- end }}

{{/* The file operator.yaml (src/keryx/cluster/settings.py). */}}
{{- define "keryx.operatorConfig" -}}
{{- $root := . -}}
{{- $operator := .Values.operator -}}
release: {{ include "keryx.fullname" . }}
namespace: {{ .Release.Namespace }}
resync: {{ $operator.resync }}
{{- if $operator.record.enabled }}
record:
  name: {{ include "keryx.fullname" . }}
  pods: {{ include "keryx.recordPods" . | quote }}
  {{- with $operator.record.hosts }}
  hosts:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  ttl: {{ int $operator.record.ttl }}
  address_types:
    {{- toYaml $operator.record.addressTypes | nindent 4 }}
  {{- with merge (dict) $operator.record.labels .Values.commonLabels }}
  labels:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with merge (dict) $operator.record.annotations .Values.commonAnnotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end }}
{{- if include "keryx.copiesCertificate" . }}
certificate:
  namespace: {{ .Values.certificate.copyFrom.namespace }}
  name: {{ .Values.certificate.copyFrom.name }}
  target: {{ include "keryx.certificateSecret" . }}
{{- end }}
{{- if include "keryx.writesDirectory" . }}
applications:
  {{- range .Values.applications }}
  - name: {{ .name | quote }}
    namespace: {{ .namespace | quote }}
    secret: {{ include "keryx.applicationSecret" . | quote }}
    {{- with .address }}
    address: {{ . | quote }}
    {{- end }}
  {{- else }}
  []
  {{- end }}
{{- end }}
{{- end }}

{{/* The pods where mail comes in, as a label selector. */}}
{{- define "keryx.recordPods" -}}
{{- $labels := list }}
{{- range $key, $value := include "keryx.selectorLabels" (list . "postfix") | fromYaml }}
{{- $labels = append $labels (printf "%s=%s" $key $value) }}
{{- end }}
{{- join "," $labels }}
{{- end }}

{{/* Whether accounts can be made: the directory is our own, or its administrator's password was given. */}}
{{- define "keryx.writesDirectory" -}}
{{- $directory := default (dict) .Values.settings.directory }}
{{- if or (include "keryx.setting" (list . "directory" "embedded" true)) $directory.admin_password_file }}true{{ end }}
{{- end }}

{{/* What cannot work together ends the installation with a sentence. */}}
{{- define "keryx.checkOperator" -}}
{{- $operator := .Values.operator }}
{{- $copies := include "keryx.copiesCertificate" . }}
{{- if not $operator.enabled }}
{{- if .Values.applications }}{{ fail "applications needs the operator: set operator.enabled to true." }}{{ end }}
{{- if $copies }}{{ fail "certificate.copyFrom needs the operator: set operator.enabled to true." }}{{ end }}
{{- if $operator.record.enabled }}{{ fail "operator.record needs the operator: set operator.enabled to true." }}{{ end }}
{{- end }}
{{- if and $copies (not .Values.certificate.copyFrom.name) }}{{ fail "certificate.copyFrom.name is missing: the name of the Secret to be copied." }}{{ end }}
{{- if and $copies (eq .Values.certificate.copyFrom.namespace .Release.Namespace) }}{{ fail "certificate.copyFrom.namespace is the release's own namespace: name the Secret in certificate.existingSecret." }}{{ end }}
{{- if and $copies .Values.certificate.certManager.enabled }}{{ fail "certificate.copyFrom and certificate.certManager would both write the same Secret: choose one." }}{{ end }}
{{- if and .Values.applications (not (include "keryx.writesDirectory" .)) }}{{ fail "applications needs a directory that may be written: set settings.directory.admin_password_file." }}{{ end }}
{{- range $namespace, $names := include "keryx.applicationSecrets" . | fromYaml }}
{{- if ne (len $names) (len (uniq $names)) }}{{ fail (printf "applications: two in the namespace %s have the same Secret; give each a secret of its own." $namespace) }}{{ end }}
{{- end }}
{{- end }}

{{/* Rights of the operator in a namespace: (dict "root" $ "name" ROLE "namespace" NAMESPACE "rules" LIST). */}}
{{- define "keryx.operatorRole" }}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata:
  name: {{ .name }}
  namespace: {{ .namespace }}
  labels:
    {{- include "keryx.labels" (list .root "operator") | nindent 4 }}
rules:
  {{- toYaml .rules | nindent 2 }}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata:
  name: {{ .name }}
  namespace: {{ .namespace }}
  labels:
    {{- include "keryx.labels" (list .root "operator") | nindent 4 }}
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: Role
  name: {{ .name }}
subjects:
  - kind: ServiceAccount
    name: {{ include "keryx.serviceAccountName" (list .root "operator") }}
    namespace: {{ .root.Release.Namespace }}
{{- end }}
