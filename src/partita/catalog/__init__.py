"""The event catalog: the declarations of services, and the conclusions from them."""
