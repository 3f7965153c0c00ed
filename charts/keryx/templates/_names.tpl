{{/* Names, labels and images. */}}

{{- define "keryx.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 40 | trimSuffix "-" }}
{{- end }}

{{/* The beginning of every object's name: the release, unless it contains the chart's name already. */}}
{{- define "keryx.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" }}
{{- else if contains (include "keryx.name" .) .Release.Name }}
{{- .Release.Name | trunc 40 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name (include "keryx.name" .) | trunc 40 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{/* Of what this is a part; with a pod's name, which: (list $ "postfix"). They never change. */}}
{{- define "keryx.selectorLabels" -}}
{{- $root := first . -}}
app.kubernetes.io/name: {{ include "keryx.name" $root }}
app.kubernetes.io/instance: {{ $root.Release.Name }}
{{- if gt (len .) 1 }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end }}
{{- end }}

{{- define "keryx.labels" -}}
{{- $root := first . -}}
{{ include "keryx.selectorLabels" . }}
app.kubernetes.io/part-of: keryx
app.kubernetes.io/version: {{ $root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ $root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" $root.Chart.Name $root.Chart.Version | replace "+" "_" }}
{{- with $root.Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* What stands at the top of an object: (dict "root" $ "name" "mail-keryx-postfix" "part" "postfix" "annotations" (dict)). */}}
{{- define "keryx.metadata" -}}
name: {{ .name }}
namespace: {{ .root.Release.Namespace }}
labels:
  {{- include "keryx.labels" (ternary (list .root .part) (list .root) (not (empty .part))) | nindent 2 }}
{{- with mergeOverwrite (dict) (deepCopy .root.Values.commonAnnotations) (default (dict) .annotations) }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* Annotations of what no pruning by Argo CD may take, which finds it by its labels and not in the repository. */}}
{{- define "keryx.unpruned" -}}
argocd.argoproj.io/compare-options: IgnoreExtraneous
argocd.argoproj.io/sync-options: Prune=false
{{- end }}

{{/* Annotations of what outlives the release. */}}
{{- define "keryx.kept" -}}
{{ include "keryx.unpruned" . }}
helm.sh/resource-policy: keep
{{- end }}

{{/* The image of a component: (dict "root" $ "component" "unbound" "own" VALUES-OF-THIS-CONTAINER). */}}
{{- define "keryx.image" -}}
{{- $section := dig .component "image" (dict) .root.Values.AsMap }}
{{- $image := mergeOverwrite (dict) (deepCopy .root.Values.defaults.image) (deepCopy (default (dict) $section)) (deepCopy (default (dict) .own)) }}
{{- $repository := default (printf "keryx-%s" .component) $image.repository }}
{{- $registry := default .root.Values.imageRegistry $image.registry }}
{{- with $registry }}{{ trimSuffix "/" . }}/{{ end }}{{ $repository }}
{{- if $image.digest }}@{{ $image.digest }}{{ else }}:{{ default .root.Chart.AppVersion $image.tag }}{{ end }}
{{- end }}

{{- define "keryx.pullPolicy" -}}
{{- $section := dig .component "image" (dict) .root.Values.AsMap }}
{{- $image := mergeOverwrite (dict) (deepCopy .root.Values.defaults.image) (deepCopy (default (dict) $section)) (deepCopy (default (dict) .own)) }}
{{- default "IfNotPresent" $image.pullPolicy }}
{{- end }}

{{/* The full name of a pod's inner Service, in the cluster's own domain. */}}
{{- define "keryx.serviceHost" -}}
{{- $root := first . }}
{{- printf "%s-%s.%s.svc.%s" (include "keryx.fullname" $root) (index . 1) $root.Release.Namespace $root.Values.clusterDomain }}
{{- end }}

{{/* The name by which the code reaches a pod. Dovecot's is its store: an account lives in one of them. */}}
{{- define "keryx.host" -}}
{{- $root := first . }}
{{- if eq (index . 1) "dovecot" }}{{ include "keryx.fullname" $root }}-dovecot-0.{{ end }}{{ include "keryx.serviceHost" . }}
{{- end }}

{{- define "keryx.serviceAccountName" -}}
{{- $root := first . }}
{{- $account := (include "keryx.values" . | fromYaml).serviceAccount }}
{{- if $account.name }}{{ $account.name }}{{ else if $account.create }}{{ include "keryx.fullname" $root }}-{{ index . 1 }}{{ else }}default{{ end }}
{{- end }}
