"""What calls are made of: values and rules that know no call."""
