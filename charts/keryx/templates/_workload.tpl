{{/* Objects of a pod: each takes (list $ "postfix"); "keryx.component" writes all of them. */}}

{{- define "keryx.component" -}}
{{- $root := first . }}
{{- if has (index . 1) (include "keryx.pods" $root | fromYamlArray) }}
{{- include "keryx.serviceAccount" . }}
{{- include "keryx.workload" . }}
{{- include "keryx.innerService" . }}
{{- include "keryx.publicService" . }}
{{- include "keryx.disruptionBudget" . }}
{{- include "keryx.autoscaler" . }}
{{- end }}
{{- end }}

{{- define "keryx.serviceAccount" -}}
{{- $root := first . }}
{{- $pod := index . 1 }}
{{- $account := (include "keryx.values" . | fromYaml).serviceAccount }}
{{- if $account.create }}
---
apiVersion: v1
kind: ServiceAccount
metadata:
  {{- include "keryx.metadata" (dict "root" $root "name" (include "keryx.serviceAccountName" .) "part" $pod "annotations" $account.annotations) | nindent 2 }}
automountServiceAccountToken: false
{{- end }}
{{- end }}

{{- define "keryx.workload" -}}
{{- $root := first . }}
{{- $pod := index . 1 }}
{{- $spec := get (include "keryx.table" $root | fromYaml) $pod }}
{{- $values := include "keryx.values" . | fromYaml }}
{{- $claimed := and $spec.volume (not (include "keryx.data" .)) }}
---
apiVersion: apps/v1
kind: {{ $spec.kind }}
metadata:
  {{- include "keryx.metadata" (dict "root" $root "name" (printf "%s-%s" (include "keryx.fullname" $root) $pod) "part" $pod) | nindent 2 }}
spec:
  {{- if not (dig "autoscaling" "enabled" false $values) }}
  replicas: {{ int $values.replicas }}
  {{- end }}
  selector:
    matchLabels:
      {{- include "keryx.selectorLabels" . | nindent 6 }}
  {{- $strategy := $values.updateStrategy }}
  {{- if and (not $strategy) (eq $spec.kind "Deployment") $values.service.hostPorts }}
  {{- /* A port of the node has one owner: the old pod goes first. */}}
  {{- $strategy = dict "rollingUpdate" (dict "maxSurge" 0 "maxUnavailable" 1) }}
  {{- end }}
  {{- with $strategy }}
  {{ ternary "updateStrategy" "strategy" (eq $spec.kind "StatefulSet") }}:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- if eq $spec.kind "StatefulSet" }}
  serviceName: {{ include "keryx.fullname" $root }}-{{ $pod }}
  podManagementPolicy: Parallel
  {{- end }}
  template:
    {{- include "keryx.pod" (dict "root" $root "pod" $pod) | nindent 4 }}
  {{- if $claimed }}
  persistentVolumeClaimRetentionPolicy:
    whenDeleted: {{ ternary "Retain" "Delete" $values.persistence.keep }}
    whenScaled: Retain
  volumeClaimTemplates:
    - apiVersion: v1
      kind: PersistentVolumeClaim
      metadata:
        name: data
        labels:
          {{- include "keryx.selectorLabels" . | nindent 10 }}
        {{- with $values.persistence.annotations }}
        annotations:
          {{- toYaml . | nindent 10 }}
        {{- end }}
      spec:
        accessModes:
          {{- toYaml $values.persistence.accessModes | nindent 10 }}
        {{- with $values.persistence.storageClass }}
        storageClassName: {{ ternary "" . (eq . "-") | quote }}
        {{- end }}
        resources:
          requests:
            storage: {{ default $spec.volume $values.persistence.size }}
  {{- end }}
{{- end }}

{{/* What places a Service: its type and all that belongs to it. */}}
{{- define "keryx.serviceType" -}}
type: {{ .type }}
{{- if has .type (list "NodePort" "LoadBalancer") }}
{{- with .externalTrafficPolicy }}
externalTrafficPolicy: {{ . }}
{{- end }}
{{- end }}
{{- if eq .type "LoadBalancer" }}
{{- with .loadBalancerIP }}
loadBalancerIP: {{ . }}
{{- end }}
{{- with .loadBalancerClass }}
loadBalancerClass: {{ . }}
{{- end }}
{{- with .loadBalancerSourceRanges }}
loadBalancerSourceRanges:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}
{{- include "keryx.families" . }}
{{- end }}

{{- define "keryx.families" -}}
{{- with .ipFamilyPolicy }}
ipFamilyPolicy: {{ . }}
{{- end }}
{{- with .ipFamilies }}
ipFamilies:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* The Service at which other pods reach a pod; Dovecot's has no address of its own: each store has a name in it. */}}
{{- define "keryx.innerService" -}}
{{- $root := first . }}
{{- $pod := index . 1 }}
{{- $spec := get (include "keryx.table" $root | fromYaml) $pod }}
{{- $service := (include "keryx.values" . | fromYaml).service }}
---
apiVersion: v1
kind: Service
metadata:
  {{- include "keryx.metadata" (dict "root" $root "name" (printf "%s-%s" (include "keryx.fullname" $root) $pod) "part" $pod "annotations" (ternary (dict) $service.annotations (not (empty (include "keryx.outside" . | fromYaml))))) | nindent 2 }}
spec:
  type: ClusterIP
  {{- if eq $pod "postfix" }}
  # Each pod has a queue of its own: the administration asks all of them.
  clusterIP: None
  {{- else if eq $pod "dovecot" }}
  clusterIP: None
  # A store that starts has its name already: mail waits for it, it is not returned.
  publishNotReadyAddresses: true
  {{- end }}
  {{- include "keryx.families" $service | nindent 2 }}
  selector:
    {{- include "keryx.selectorLabels" . | nindent 4 }}
  ports:
    {{- range $name, $open := $spec.inner }}
    - {name: {{ $name }}, port: {{ $open.number }}, targetPort: {{ $name }}}
    {{- end }}
    {{- range $index, $_ := include "keryx.containers" . | fromYamlArray }}
    - {name: probe-{{ $index }}, port: {{ add 18080 $index }}, targetPort: probe-{{ $index }}}
    {{- end }}
{{- end }}

{{/* The ports that a pod shows outside of the release, by name: the public ones, or by leave those for other pods. */}}
{{- define "keryx.outside" -}}
{{- $root := first . }}
{{- $spec := get (include "keryx.table" $root | fromYaml) (index . 1) }}
{{- range include "keryx.publicPorts" . | fromYamlArray }}
{{ . }}: {{ (include "keryx.port" (list $root .) | fromYaml).number }}
{{- end }}
{{- if and (not $spec.public) (ne (include "keryx.values" . | fromYaml).service.type "ClusterIP") }}
{{- range $name, $open := $spec.inner }}
{{ $name }}: {{ $open.number }}
{{- end }}
{{- end }}
{{- end }}

{{/* The Service at which the world reaches a pod. */}}
{{- define "keryx.publicService" -}}
{{- $root := first . }}
{{- $pod := index . 1 }}
{{- $service := (include "keryx.values" . | fromYaml).service }}
{{- with include "keryx.outside" . | fromYaml }}
---
apiVersion: v1
kind: Service
metadata:
  {{- include "keryx.metadata" (dict "root" $root "name" (include "keryx.publicServiceName" (list $root $pod)) "part" $pod "annotations" $service.annotations) | nindent 2 }}
spec:
  {{- include "keryx.serviceType" $service | nindent 2 }}
  selector:
    {{- include "keryx.selectorLabels" (list $root $pod) | nindent 4 }}
  ports:
    {{- range $name, $number := . }}
    - name: {{ $name }}
      port: {{ $number }}
      targetPort: {{ $name }}
      {{- if has $name (list "http" "https") }}
      appProtocol: {{ $name }}
      {{- end }}
      {{- if eq $service.type "NodePort" }}
      {{- with get $service.nodePorts $name }}
      nodePort: {{ int . }}
      {{- end }}
      {{- end }}
    {{- end }}
{{- end }}
{{- end }}

{{- define "keryx.publicServiceName" -}}
{{- include "keryx.fullname" (first .) }}-{{ index . 1 }}-public
{{- end }}

{{- define "keryx.disruptionBudget" -}}
{{- $root := first . }}
{{- $pod := index . 1 }}
{{- $budget := (include "keryx.values" . | fromYaml).podDisruptionBudget }}
{{- if $budget.enabled }}
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  {{- include "keryx.metadata" (dict "root" $root "name" (printf "%s-%s" (include "keryx.fullname" $root) $pod) "part" $pod) | nindent 2 }}
spec:
  maxUnavailable: {{ $budget.maxUnavailable }}
  selector:
    matchLabels:
      {{- include "keryx.selectorLabels" . | nindent 6 }}
{{- end }}
{{- end }}

{{- define "keryx.autoscaler" -}}
{{- $root := first . }}
{{- $pod := index . 1 }}
{{- $spec := get (include "keryx.table" $root | fromYaml) $pod }}
{{- $values := include "keryx.values" . | fromYaml }}
{{- if dig "autoscaling" "enabled" false $values }}
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata:
  {{- include "keryx.metadata" (dict "root" $root "name" (printf "%s-%s" (include "keryx.fullname" $root) $pod) "part" $pod) | nindent 2 }}
spec:
  scaleTargetRef:
    apiVersion: apps/v1
    kind: {{ $spec.kind }}
    name: {{ include "keryx.fullname" $root }}-{{ $pod }}
  minReplicas: {{ int $values.autoscaling.minReplicas }}
  maxReplicas: {{ int $values.autoscaling.maxReplicas }}
  metrics:
    # Of the container that does the work: its helpers would blur it.
    {{- range $resource, $target := dict "cpu" $values.autoscaling.targetCPU "memory" $values.autoscaling.targetMemory }}
    {{- with $target }}
    - type: ContainerResource
      containerResource:
        name: {{ $resource }}
        container: {{ $pod }}
        target: {type: Utilization, averageUtilization: {{ int . }}}
    {{- end }}
    {{- end }}
{{- end }}
{{- end }}
