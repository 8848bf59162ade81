"""The files that each Protobuf compiler brings, and those that Confluent's serializers take for granted: an import of one of them
needs no text. Options' files have their names alone, since a schema of values refers to nothing within them.
"""

from __future__ import annotations

from collections.abc import Mapping

_HEAD = 'syntax = "proto3"; package google.protobuf; '
_TYPE = 'syntax = "proto3"; package google.type; '
_WRAPPERS = {
    "DoubleValue": "double", "FloatValue": "float", "Int64Value": "int64", "UInt64Value": "uint64", "Int32Value": "int32",
    "UInt32Value": "uint32", "BoolValue": "bool", "StringValue": "string", "BytesValue": "bytes",
}  # fmt: skip
_DESCRIPTORS = (
    "FileDescriptorSet FileDescriptorProto DescriptorProto ExtensionRangeOptions FieldDescriptorProto OneofDescriptorProto "
    "EnumDescriptorProto EnumValueDescriptorProto ServiceDescriptorProto MethodDescriptorProto FileOptions MessageOptions "
    "FieldOptions OneofOptions EnumOptions EnumValueOptions ServiceOptions MethodOptions UninterpretedOption FeatureSet "
    "FeatureSetDefaults SourceCodeInfo GeneratedCodeInfo"
)

WELL_KNOWN: Mapping[str, str] = {
    "google/protobuf/any.proto": _HEAD + "message Any { string type_url = 1; bytes value = 2; }",
    "google/protobuf/duration.proto": _HEAD + "message Duration { int64 seconds = 1; int32 nanos = 2; }",
    "google/protobuf/timestamp.proto": _HEAD + "message Timestamp { int64 seconds = 1; int32 nanos = 2; }",
    "google/protobuf/empty.proto": _HEAD + "message Empty {}",
    "google/protobuf/field_mask.proto": _HEAD + "message FieldMask { repeated string paths = 1; }",
    "google/protobuf/source_context.proto": _HEAD + "message SourceContext { string file_name = 1; }",
    "google/protobuf/struct.proto": _HEAD
    + """message Struct { map<string, Value> fields = 1; }
    message Value { oneof kind { NullValue null_value = 1; double number_value = 2; string string_value = 3;
        bool bool_value = 4; Struct struct_value = 5; ListValue list_value = 6; } }
    enum NullValue { NULL_VALUE = 0; }
    message ListValue { repeated Value values = 1; }""",
    "google/protobuf/wrappers.proto": _HEAD
    + " ".join(f"message {name} {{ {kind} value = 1; }}" for name, kind in _WRAPPERS.items()),
    "google/protobuf/descriptor.proto": 'syntax = "proto2"; package google.protobuf; '
    + " ".join(f"message {name} {{}}" for name in _DESCRIPTORS.split()),
    "google/protobuf/type.proto": _HEAD
    + "message Type {} message Field {} message Enum {} message EnumValue {} message Option {} "
    "enum Syntax { SYNTAX_PROTO2 = 0; SYNTAX_PROTO3 = 1; SYNTAX_EDITIONS = 2; }",
    "google/protobuf/api.proto": _HEAD + "message Api {} message Method {} message Mixin {}",
    "google/type/calendar_period.proto": _TYPE
    + "enum CalendarPeriod { CALENDAR_PERIOD_UNSPECIFIED = 0; DAY = 1; WEEK = 2; "
    "FORTNIGHT = 3; MONTH = 4; QUARTER = 5; HALF = 6; YEAR = 7; }",
    "google/type/color.proto": _TYPE
    + """import "google/protobuf/wrappers.proto";
    message Color { float red = 1; float green = 2; float blue = 3; google.protobuf.FloatValue alpha = 4; }""",
    "google/type/date.proto": _TYPE + "message Date { int32 year = 1; int32 month = 2; int32 day = 3; }",
    "google/type/datetime.proto": _TYPE
    + """import "google/protobuf/duration.proto";
    message DateTime { int32 year = 1; int32 month = 2; int32 day = 3; int32 hours = 4; int32 minutes = 5;
        int32 seconds = 6; int32 nanos = 7;
        oneof time_offset { google.protobuf.Duration utc_offset = 8; TimeZone time_zone = 9; } }
    message TimeZone { string id = 1; string version = 2; }""",
    "google/type/dayofweek.proto": _TYPE + "enum DayOfWeek { DAY_OF_WEEK_UNSPECIFIED = 0; MONDAY = 1; TUESDAY = 2; "
    "WEDNESDAY = 3; THURSDAY = 4; FRIDAY = 5; SATURDAY = 6; SUNDAY = 7; }",
    "google/type/decimal.proto": _TYPE + "message Decimal { string value = 1; }",
    "google/type/expr.proto": _TYPE
    + "message Expr { string expression = 1; string title = 2; string description = 3; string location = 4; }",
    "google/type/fraction.proto": _TYPE + "message Fraction { int64 numerator = 1; int64 denominator = 2; }",
    "google/type/interval.proto": _TYPE
    + """import "google/protobuf/timestamp.proto"; message Interval {
        google.protobuf.Timestamp start_time = 1; google.protobuf.Timestamp end_time = 2; }""",
    "google/type/latlng.proto": _TYPE + "message LatLng { double latitude = 1; double longitude = 2; }",
    "google/type/localized_text.proto": _TYPE + "message LocalizedText { string text = 1; string language_code = 2; }",
    "google/type/money.proto": _TYPE + "message Money { string currency_code = 1; int64 units = 2; int32 nanos = 3; }",
    "google/type/month.proto": _TYPE
    + "enum Month { MONTH_UNSPECIFIED = 0; JANUARY = 1; FEBRUARY = 2; MARCH = 3; APRIL = 4; "
    "MAY = 5; JUNE = 6; JULY = 7; AUGUST = 8; SEPTEMBER = 9; OCTOBER = 10; NOVEMBER = 11; DECEMBER = 12; }",
    "google/type/phone_number.proto": _TYPE
    + """message PhoneNumber { message ShortCode { string region_code = 1; string number = 2; }
        oneof kind { string e164_number = 1; ShortCode short_code = 2; } string extension = 3; }""",
    "google/type/postal_address.proto": _TYPE
    + """message PostalAddress { int32 revision = 1; string region_code = 2; string language_code = 3;
        string postal_code = 4; string sorting_code = 5; string administrative_area = 6; string locality = 7;
        string sublocality = 8; repeated string address_lines = 9; repeated string recipients = 10;
        string organization = 11; }""",
    "google/type/quaternion.proto": _TYPE
    + "message Quaternion { double x = 1; double y = 2; double z = 3; double w = 4; }",
    "google/type/timeofday.proto": _TYPE
    + "message TimeOfDay { int32 hours = 1; int32 minutes = 2; int32 seconds = 3; int32 nanos = 4; }",
    "confluent/type/decimal.proto": 'syntax = "proto3"; package confluent.type; '
    "message Decimal { bytes value = 1; uint32 precision = 2; int32 scale = 3; }",
    "confluent/type/variant.proto": 'syntax = "proto3"; package confluent.type; '
    "message Variant { bytes metadata = 1; bytes value = 2; }",
    "confluent/types/decimal.proto": 'syntax = "proto3"; import public "confluent/type/decimal.proto";',
    "confluent/meta.proto": """syntax = "proto3"; package confluent; import "google/protobuf/descriptor.proto";
    message Meta { string doc = 1; map<string, string> params = 2; repeated string tags = 3;
        repeated Rule rules = 4; }
    message Rule { string name = 1; string doc = 2; string expr = 3; string sql = 4; }
    extend google.protobuf.FileOptions { Meta file_meta = 1088; }
    extend google.protobuf.MessageOptions { Meta message_meta = 1088; }
    extend google.protobuf.FieldOptions { Meta field_meta = 1088; }
    extend google.protobuf.EnumOptions { Meta enum_meta = 1088; }
    extend google.protobuf.EnumValueOptions { Meta enum_value_meta = 1088; }""",
}
