CREATE TABLE ride (
    ride_id TEXT PRIMARY KEY, rider_id TEXT NOT NULL, fare_cents BIGINT NOT NULL, status TEXT NOT NULL
);
