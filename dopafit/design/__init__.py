"""What could this study tell at all?"""
