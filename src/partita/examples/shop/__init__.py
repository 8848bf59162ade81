"""An order-processing shop on the public API: order-service produces; payment, inventory, notification, analytics react."""
