-- The receipt names the driver. Rides of before have none.
ALTER TABLE ride ADD COLUMN driver_id TEXT;
