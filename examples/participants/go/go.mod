module partita.example/payment

go 1.21

require (
	github.com/hamba/avro/v2 v2.17.2
	github.com/twmb/franz-go v1.16.1
	github.com/twmb/franz-go/pkg/sr v1.0.0
	google.golang.org/protobuf v1.31.0
)

require (
	github.com/json-iterator/go v1.1.12 // indirect
	github.com/klauspost/compress v1.17.4 // indirect
	github.com/mitchellh/mapstructure v1.5.0 // indirect
	github.com/modern-go/concurrent v0.0.0-20180306012644-bacd9c7ef1dd // indirect
	github.com/modern-go/reflect2 v1.0.2 // indirect
	github.com/pierrec/lz4/v4 v4.1.19 // indirect
	github.com/twmb/franz-go/pkg/kmsg v1.7.0 // indirect
)
